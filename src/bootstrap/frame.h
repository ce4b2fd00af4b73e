// What authenticated control connections carry: frames of one format, 8 bytes of header (length,
// type, zeros), then at most 64 KiB of payload.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"

namespace hfreduce::bootstrap {

enum class FrameType : std::uint8_t {
  // Between a rank and the rendezvous.
  kCheckIn = 1,  // up: who and where I am
  kParent = 2,   // down: where the parent in the tree listens
  kBye = 3,      // up: my edge of the tree stands
  // Along the tree.
  kEntries = 4,    // up and down: pieces of an exchange
  kCredit = 5,     // one kEntries frame was taken in: another may follow
  kFailure = 6,    // to everybody: the communicator has failed; also with the rendezvous
  kLeave = 7,      // ranks that have left in good order
  kAsk = 8,        // up: what is everyone doing about an operation?
  kSurvey = 9,     // down: tell me what you do about an operation
  kReport = 10,    // up: the answer, merged on the way
  kDiagnosis = 11  // down: the answer to kAsk
};

struct Frame {
  FrameType type = FrameType::kBye;
  std::string payload;
};

constexpr std::size_t kFrameHeaderBytes = 8;
constexpr std::size_t kMostPayload = 64 << 10;

// `payload` must not exceed kMostPayload.
std::string encode(const Frame& frame);

// Cuts a stream of bytes into frames. Holds at most one frame's bytes plus what was fed last.
class FrameSplitter {
 public:
  void feed(std::string_view bytes) { pending_ += bytes; }
  // The next whole frame, nothing if it is not there yet, or kProtocolError for a header that no
  // rank of this version sends: checked before anything is allocated for it.
  Result<std::optional<Frame>> next();

 private:
  std::string pending_;
  std::size_t taken_ = 0;
};

}  // namespace hfreduce::bootstrap
