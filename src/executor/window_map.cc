#include "executor/window_map.h"

#include <fmt/core.h>

#include "transport/shm/window.h"

namespace hfreduce::executor {
namespace {

constexpr std::uint64_t kPage = 4096;
// Between slots: prefetchers that run past the end of one would pull lines about to be written in
// the next.
constexpr std::uint32_t kGap = 1024;

std::uint64_t round_up(std::uint64_t value, std::uint64_t unit) {
  return (value + unit - 1) / unit * unit;
}

}  // namespace

std::uint64_t WindowMap::flag_offset(std::uint32_t flag) const noexcept {
  return sizeof(transport::WindowHead) + std::uint64_t{flag} * transport::kLineBytes;
}

Result<WindowMap> WindowMap::make(const std::vector<ChannelSpec>& specs,
                                  std::uint64_t window_bytes) {
  WindowMap map;
  for (const ChannelSpec& spec : specs) map.flags_ += static_cast<std::uint32_t>(spec.layout.flags);
  map.slots_offset_ = round_up(map.flag_offset(map.flags_), kPage);
  std::uint64_t end = map.slots_offset_;
  std::uint32_t flag = 0;
  for (const ChannelSpec& spec : specs) {
    ChannelPlace channel{flag, spec.segment_bytes, {}};
    flag += static_cast<std::uint32_t>(spec.layout.flags);
    for (const schedule::Area& area : spec.layout.areas) {
      const auto chunks = static_cast<std::uint32_t>(spec.layout.chunks);
      AreaPlace place;
      place.whole_segment = area.unit == schedule::Area::Unit::kSegment;
      place.slots = static_cast<std::uint32_t>(area.slots);
      const std::uint64_t range =
          chunk_elements(spec.segment_bytes, chunks, 1) * static_cast<std::uint64_t>(area.chunks);
      place.slot_bytes =
          place.whole_segment ? spec.segment_bytes : static_cast<std::uint32_t>(range);
      const std::uint32_t head = area.flag >= 0 ? sizeof(transport::Flag) : 0;
      place.stride = static_cast<std::uint32_t>(round_up(head + place.slot_bytes, 64)) + kGap;
      place.begin = end;
      place.offset = end + head;
      end = round_up(end + std::uint64_t{place.stride} * place.slots, kPage);
      channel.areas.push_back(place);
    }
    map.channels_.push_back(std::move(channel));
  }
  map.bytes_ = end;
  if (end > window_bytes) {
    return Status(
        Code::kInternalError,
        fmt::format(
            "the staging slots of this communicator need {} bytes a rank, {} were agreed on", end,
            window_bytes));
  }
  return map;
}

}  // namespace hfreduce::executor
