// Writes a schedule down so that it reads like the algorithm.
//
//   Builder schedule(rank, layout);
//   auto lane = schedule.lane("up");
//   lane.wait(child_data, children).reduce(all, {slot, own}, {slot}).put(data, all, slot, theirs);
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "schedule/schedule.h"

namespace hfreduce::schedule {

// A flag at a tick.
struct Event {
  std::uint16_t flag = 0;
  Tick tick;
};

using Places = std::vector<Place>;
using Peers = std::vector<std::int32_t>;
struct Reduction {
  Places sources, destinations;
};

inline Place input(std::int32_t owner) { return {PlaceKind::kInput, 0, owner, {}}; }
inline Place output(std::int32_t owner) { return {PlaceKind::kOutput, 0, owner, {}}; }
inline Place slot(std::uint8_t area, std::int32_t owner, Tick tick = {}) {
  return {PlaceKind::kSlot, area, owner, tick};
}
// `count` chunks from `base` on, the same in every repetition.
inline ChunkRange chunks(std::int32_t base, std::int32_t count) { return {base, 0, 0, 1, count}; }

// Take the next flag or area of a layout and return its number.
inline std::uint16_t add_flag(Layout& layout) { return static_cast<std::uint16_t>(layout.flags++); }
inline std::uint8_t add_area(Layout& layout, Area area) {
  layout.areas.push_back(area);
  return static_cast<std::uint8_t>(layout.areas.size() - 1);
}

// Appends steps to one lane. Cheap to copy; valid as long as its Builder.
class LaneBuilder {
 public:
  LaneBuilder(Schedule* schedule, std::size_t lane) : schedule_(schedule), lane_(lane) {}

  // The steps that follow work on the segment `skew` turns back.
  LaneBuilder& skew(std::int32_t skew);
  LaneBuilder& reduce(ChunkRange range, const Places& sources, const Places& destinations);
  // A reduce whose result is complete.
  LaneBuilder& complete(ChunkRange range, const Places& sources, const Places& destinations);
  LaneBuilder& copy(ChunkRange range, const Place& from, const Places& to);
  // A copy into an own slot that others read; see Step::staging.
  LaneBuilder& stage(ChunkRange range, const Place& from, const Place& to);
  // To the owner of `to`.
  LaneBuilder& put(const Event& event, ChunkRange range, const Place& from, const Place& to);
  // These two do nothing when nobody is named.
  LaneBuilder& signal(const Event& event, const Peers& peers, std::int32_t every = 1);
  LaneBuilder& wait(const Event& event, const Peers& peers, std::int32_t lag = 0);
  // A signal and a wait that carry where the buffers of the call are.
  LaneBuilder& offer(const Event& event, const Peers& peers);
  LaneBuilder& accept(const Event& event, const Peers& peers);
  // A reduce, complete, of each chunk by whichever of `peers` claims it.
  LaneBuilder& claim(const Event& event, const Peers& peers, ChunkRange range,
                     const Reduction& what);
  LaneBuilder& drain(const Event& event, std::int32_t peer, std::int32_t lag = 0);
  // What `body` appends is done `count` times; nothing is written when that is never.
  template <typename Body>
  LaneBuilder& repeat(std::int32_t count, Body&& body) {
    if (count <= 0) return *this;
    const std::size_t at = open_repeat(count);
    std::forward<Body>(body)();
    close_repeat(at);
    return *this;
  }

 private:
  Lane& lane() { return schedule_->lanes[lane_]; }
  Step& append(Op op);
  Range add_places(const Places& places);
  Range add_peers(const Peers& peers);
  std::size_t open_repeat(std::int32_t count);
  void close_repeat(std::size_t at);

  Schedule* schedule_;
  std::size_t lane_;
  std::uint8_t skew_ = 0;
};

class Builder {
 public:
  Builder(std::int32_t rank, Layout layout) {
    schedule_.rank = rank;
    schedule_.layout = std::move(layout);
  }
  LaneBuilder lane(std::string name);
  std::int32_t rank() const noexcept { return schedule_.rank; }
  // The schedule, without lanes that stayed empty. Ends the builder's life.
  Schedule finish();

 private:
  Schedule schedule_;
};

}  // namespace hfreduce::schedule
