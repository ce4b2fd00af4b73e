// Copying to where another core will read.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/cpu/copy.h"

namespace hfreduce::kernels {

// As memcpy, with stores that do not fetch the destination's lines first: for a destination whose
// lines lie in another core's cache, where fetching each costs a round trip (docs/limits.md has
// figures). The bytes are visible before any later store. Where there are no such stores it is a
// memcpy.
void copy_past_caches(void* to, const void* from, std::size_t bytes) noexcept;

// Whether that may beat plain stores into lines that another core's cache holds: it may on AMD's,
// where such a line can come through the fabric; on Intel's it cost a quarter to a third.
bool streaming_may_pay() noexcept;

// Which stores a core takes into lines that another core's cache holds. Where the two share a
// cache, plain ones are two to four times as fast; where each line comes through the fabric they
// are four times as slow (docs/limits.md), and a virtual machine's cores move from the one to the
// other within seconds. So a few plain copies are timed, and slow ones are answered with a run of
// streaming ones, then asked again. Not thread-safe.
class StoreChoice {
 public:
  explicit StoreChoice(bool may_stream = streaming_may_pay()) noexcept : may_stream_(may_stream) {}

  // Of the copy that comes.
  bool streams() noexcept {
    if (streaming_left_ == 0) return false;
    --streaming_left_;
    return true;
  }
  // Whether the plain copy that comes is to be timed.
  bool is_timed() noexcept { return in_doubt_ || ++since_timed_ == kEvery; }
  void took(std::size_t bytes, std::int64_t ns) noexcept;
  // Whether plain copies were so slow of late that the peer should rather read the bytes itself, if
  // there is a way; not said every time, so that there are plain copies to be timed. Streaming is
  // better still.
  bool better_read() noexcept {
    return !may_stream_ && ns_per_64k_ > kReadIfSlower && ++reads_ % kStagedReads != 0;
  }

 private:
  static constexpr std::uint32_t kEvery = 8;     // a look at the clock costs 1 % of a small copy
  static constexpr std::uint32_t kSlowOnes = 4;  // in a row: one may have been interrupted
  static constexpr std::uint32_t kShortestRun = 256, kLongestRun = 8192;
  // 12 GB/s: half of what two cores of one cache reach, three times what others do.
  static constexpr std::int64_t kReadIfSlower = 5500;
  static constexpr std::uint32_t kStagedReads = 32;

  bool may_stream_, in_doubt_ = false;
  std::uint32_t since_timed_ = 0, slow_ = 0, streaming_left_ = 0, run_ = kShortestRun, reads_ = 0;
  std::int64_t ns_per_64k_ = 0;  // of plain copies, the latest weigh most; 0: none was timed
};

// Copies into lines that a peer's cache may hold: few bytes plainly, since below this the peer's
// next read from memory costs more than fetching its lines does; else as `choice` says.
inline constexpr std::size_t kStreamFrom = 4096;
void copy_many_to_peer(void* to, const void* from, std::size_t bytes, StoreChoice* choice) noexcept;
inline void copy_to_peer(void* to, const void* from, std::size_t bytes,
                         StoreChoice* choice) noexcept {
  if (bytes < kStreamFrom)
    copy(to, from, bytes);
  else
    copy_many_to_peer(to, from, bytes, choice);
}

}  // namespace hfreduce::kernels
