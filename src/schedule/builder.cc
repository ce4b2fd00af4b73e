#include "schedule/builder.h"

#include <algorithm>

namespace hfreduce::schedule {

LaneBuilder& LaneBuilder::skew(std::int32_t skew) {
  skew_ = static_cast<std::uint8_t>(skew);
  return *this;
}

Step& LaneBuilder::append(Op op) {
  Step step;
  step.op = op;
  step.skew = skew_;
  lane().skew = std::max(lane().skew, skew_);
  return lane().steps.emplace_back(step);
}

Range LaneBuilder::add_places(const Places& places) {
  const Range range{static_cast<std::uint32_t>(schedule_->places.size()),
                    static_cast<std::uint32_t>(places.size())};
  schedule_->places.insert(schedule_->places.end(), places.begin(), places.end());
  return range;
}

Range LaneBuilder::add_peers(const Peers& peers) {
  const Range range{static_cast<std::uint32_t>(schedule_->peers.size()),
                    static_cast<std::uint32_t>(peers.size())};
  schedule_->peers.insert(schedule_->peers.end(), peers.begin(), peers.end());
  return range;
}

LaneBuilder& LaneBuilder::reduce(ChunkRange range, const Places& sources,
                                 const Places& destinations) {
  Step& step = append(Op::kReduce);
  step.chunks = range;
  step.sources = add_places(sources);
  step.destinations = add_places(destinations);
  return *this;
}

LaneBuilder& LaneBuilder::complete(ChunkRange range, const Places& sources,
                                   const Places& destinations) {
  reduce(range, sources, destinations);
  lane().steps.back().final = true;
  return *this;
}

LaneBuilder& LaneBuilder::copy(ChunkRange range, const Place& from, const Places& to) {
  return reduce(range, {from}, to);
}

LaneBuilder& LaneBuilder::stage(ChunkRange range, const Place& from, const Place& to) {
  copy(range, from, {to});
  lane().steps.back().staging = true;
  return *this;
}

LaneBuilder& LaneBuilder::put(const Event& event, ChunkRange range, const Place& from,
                              const Place& to) {
  Step& step = append(Op::kPut);
  step.flag = event.flag;
  step.tick = event.tick;
  step.chunks = range;
  step.sources = add_places({from});
  step.destinations = add_places({to});
  step.peers = add_peers({to.owner});
  return *this;
}

LaneBuilder& LaneBuilder::signal(const Event& event, const Peers& peers, std::int32_t every) {
  if (peers.empty()) return *this;
  Step& step = append(Op::kSignal);
  step.every = static_cast<std::uint8_t>(every);
  step.flag = event.flag;
  step.tick = event.tick;
  step.peers = add_peers(peers);
  return *this;
}

LaneBuilder& LaneBuilder::wait(const Event& event, const Peers& peers, std::int32_t lag) {
  if (peers.empty()) return *this;
  Step& step = append(Op::kWait);
  step.flag = event.flag;
  step.tick = event.tick;
  step.lag = static_cast<std::uint8_t>(lag);
  step.peers = add_peers(peers);
  return *this;
}

LaneBuilder& LaneBuilder::offer(const Event& event, const Peers& peers) {
  signal(event, peers);
  lane().steps.back().offers = true;
  return *this;
}

LaneBuilder& LaneBuilder::accept(const Event& event, const Peers& peers) {
  wait(event, peers);
  lane().steps.back().offers = true;
  return *this;
}

LaneBuilder& LaneBuilder::claim(const Event& event, const Peers& peers, ChunkRange range,
                                const Reduction& what) {
  complete(range, what.sources, what.destinations);
  Step& step = lane().steps.back();
  step.op = Op::kClaim;
  step.flag = event.flag;
  step.tick = event.tick;
  step.peers = add_peers(peers);
  return *this;
}

LaneBuilder& LaneBuilder::drain(const Event& event, std::int32_t peer, std::int32_t lag) {
  Step& step = append(Op::kDrain);
  step.flag = event.flag;
  step.tick = event.tick;
  step.lag = static_cast<std::uint8_t>(lag);
  step.peers = add_peers({peer});
  return *this;
}

std::size_t LaneBuilder::open_repeat(std::int32_t count) {
  append(Op::kRepeat).count = static_cast<std::uint32_t>(count);
  return lane().steps.size() - 1;
}

void LaneBuilder::close_repeat(std::size_t at) {
  lane().steps[at].body = static_cast<std::uint32_t>(lane().steps.size() - at - 1);
}

LaneBuilder Builder::lane(std::string name) {
  schedule_.lanes.emplace_back().name = std::move(name);
  return {&schedule_, schedule_.lanes.size() - 1};
}

Schedule Builder::finish() {
  std::erase_if(schedule_.lanes, [](const Lane& lane) { return lane.steps.empty(); });
  return std::move(schedule_);
}

}  // namespace hfreduce::schedule
