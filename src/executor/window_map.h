// Where everything lies in a window: its head, flags and slots of each channel. All ranks compute
// the same map from the same facts, so an offset in one's own window is an offset in everybody's.
#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "schedule/schedule.h"

namespace hfreduce::executor {

// One channel: what an algorithm instance owns on a communicator.
struct ChannelSpec {
  schedule::Layout layout;
  std::uint32_t segment_bytes = 0;  // the largest segment that its slots can take
};

struct AreaPlace {
  std::uint64_t begin = 0;   // in a window; a flag that slots carry lies here
  std::uint64_t offset = 0;  // of the bytes of slot 0
  std::uint32_t stride = 0;  // from slot to slot
  std::uint32_t slots = 0;
  std::uint32_t slot_bytes = 0;
  bool whole_segment = false;
};

struct ChannelPlace {
  std::uint32_t first_flag = 0;  // number of its flag 0 among all flags of the window
  std::uint32_t segment_bytes = 0;
  std::vector<AreaPlace> areas;
};

class WindowMap {
 public:
  // Fails if the channels need more than `window_bytes`.
  static Result<WindowMap> make(const std::vector<ChannelSpec>& channels,
                                std::uint64_t window_bytes);

  const ChannelPlace& channel(std::size_t index) const { return channels_[index]; }
  std::uint32_t flags() const noexcept { return flags_; }
  std::uint64_t flag_offset(std::uint32_t flag) const noexcept;
  std::uint64_t slots_offset() const noexcept { return slots_offset_; }  // slots end at bytes()
  std::uint64_t bytes() const noexcept { return bytes_; }

 private:
  std::vector<ChannelPlace> channels_;
  std::uint32_t flags_ = 0;
  std::uint64_t slots_offset_ = 0, bytes_ = 0;
};

// Elements of a chunk when a segment of `elements` is cut into `chunks`: whole cache lines, so that
// two ranks never write one line; the last chunks may be short or empty.
inline std::uint64_t chunk_elements(std::uint64_t elements, std::uint32_t chunks,
                                    std::uint32_t element_bytes) noexcept {
  const std::uint64_t line = 64 / element_bytes;
  const std::uint64_t share = (elements + chunks - 1) / chunks;
  return (share + line - 1) / line * line;
}

}  // namespace hfreduce::executor
