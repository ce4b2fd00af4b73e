#include "schedule/proving/machine.h"

#include <fmt/format.h>

namespace hfreduce::schedule::proving {

Machine::Machine(const Subject& subject, const Layout& layout, std::int32_t most_segments)
    : subject_(subject),
      placement_(*subject.placement),
      layout_(layout),
      clocks_(placement_.ranks() <= subject.most_ranks_for_races),
      memory_({layout, placement_.ranks(), most_segments, clocks_}),
      flags_(placement_, layout.flags),
      ranks_(static_cast<std::size_t>(placement_.ranks())),
      actors_{"nobody"} {
  for (std::int32_t rank = 0; rank < placement_.ranks(); ++rank)
    ranks_[static_cast<std::size_t>(rank)].actors.push_back(
        new_actor(fmt::format("rank {}, its caller or first lane", rank)));
}

std::uint32_t Machine::new_actor(std::string name) {
  actors_.push_back(std::move(name));
  return static_cast<std::uint32_t>(actors_.size() - 1);
}

void Machine::load(const std::vector<Schedule>& schedules) {
  schedules_ = &schedules;
  logs_.assign(schedules.size(), {});
  for (const Schedule& schedule : schedules) {
    auto& rank = ranks_[static_cast<std::size_t>(schedule.rank)];
    while (rank.actors.size() < schedule.lanes.size())
      rank.actors.push_back(new_actor(fmt::format("rank {}, lane \"{}\"", schedule.rank,
                                                  schedule.lanes[rank.actors.size()].name)));
    auto& logs = logs_[static_cast<std::size_t>(schedule.rank)];
    logs.resize(schedule.peers.size());
    for (const Lane& lane : schedule.lanes) {
      for (const Step& step : lane.steps) {
        for (std::uint32_t i = step.peers.begin; i < step.peers.begin + step.peers.count; ++i) {
          const std::int32_t peer = schedule.peers[i];
          logs[i] = step.op == Op::kWait ? flags_.find(peer, step.flag, schedule.rank)
                    : step.op == Op::kClaim
                        ? flags_.find(schedule.peers[step.peers.begin], step.flag, schedule.rank)
                        : flags_.find(schedule.rank, step.flag, peer);
        }
      }
    }
  }
}

bool Machine::run(const Call& call) {
  begin(call);
  if (!fault_.empty() || !run_lanes() || !end()) return false;
  base_ += static_cast<std::uint64_t>(call.segments);
  ++calls_;
  return true;
}

bool Machine::run_lanes() {
  ready_.clear();
  for (std::size_t i = runs_.size(); i > 0; --i)
    ready_.push_back(static_cast<std::uint32_t>(i - 1));
  while (!ready_.empty()) {
    const std::uint32_t index = ready_.back();
    ready_.pop_back();
    if (!advance(index)) {
      if (!fault_.empty()) return false;
      flags_[runs_[index].blocked_on].waiting.push_back(index);
    }
  }
  for (const LaneRun& run : runs_)
    if (!run.done) return deadlock();
  return true;
}

// False: blocked, or failed.
bool Machine::advance(std::uint32_t index) {
  LaneRun& run = runs_[index];
  const auto& steps = run.lane->steps;
  while (!run.done) {
    if (run.step == steps.size()) {
      run.step = 0;
      run.done = ++run.turn == call_.segments + run.lane->skew;
      continue;
    }
    const Step& step = steps[run.step];
    const std::int32_t segment = run.turn - step.skew;
    const bool acts = segment >= 0 && segment < call_.segments;
    if (step.op == Op::kRepeat) {
      const bool enters = acts && step.count > 0;
      run.repeat = enters ? run.step + 1 : 0;
      run.step += enters ? 1 : step.body + 1;
      continue;
    }
    if (acts && acts_in(step, base_ + static_cast<std::uint64_t>(segment))) {
      if (!execute(run, step, segment)) return false;
      ++steps_;
    }
    ++run.step;
    if (run.repeat == 0) continue;
    const Step& repeat = steps[run.repeat - 1];
    if (run.step < run.repeat + repeat.body) continue;
    if (++run.k < repeat.count) {
      run.step = run.repeat;
    } else {
      run.k = 0;
      run.repeat = 0;
    }
  }
  return true;
}

bool Machine::execute(LaneRun& run, const Step& step, std::int32_t segment) {
  switch (step.op) {
    case Op::kReduce:
      return reduce(run, step, segment,
                    {clocks_ ? &run.clock : nullptr, {run.actor, run.clock.of(run.actor)}});
    case Op::kClaim:
      return claim(run, step, segment);
    case Op::kPut:
      return put(run, step, segment);
    case Op::kSignal:
      return signal(run, step, segment);
    case Op::kWait:
      return wait(run, step, segment);
    case Op::kDrain:
      drain(run, step, segment);
      return true;
    case Op::kRepeat:
      break;
  }
  return true;
}

std::size_t Machine::cell(const LaneRun& run, const Step& step, const Place& place,
                          std::int32_t segment) const {
  const auto first = static_cast<std::size_t>(step.chunks.first(static_cast<std::int32_t>(run.k)));
  if (place.kind == PlaceKind::kInput) return memory_.input_cell(place.owner, segment) + first;
  if (place.kind == PlaceKind::kOutput)
    return memory_.output_cell(place.owner, segment, call_.in_place) + first;
  const bool whole = layout_.areas[place.area].unit == Area::Unit::kSegment;
  return memory_.slot_cell(place.owner, place.area, tick(run, place.tick, segment)) +
         (whole ? first : 0);
}

bool Machine::is_chunk(LaneRun& run, const Step& step, std::size_t offset, const Value& value) {
  const std::int32_t wanted =
      step.chunks.first(static_cast<std::int32_t>(run.k)) + static_cast<std::int32_t>(offset);
  if (value.chunk == wanted) return true;
  return value.chunk < 0
             ? fail_at(run, "reads a slot that nobody has written")
             : fail_at(run, fmt::format("takes chunk {} for chunk {}", value.chunk, wanted));
}

bool Machine::reduce(LaneRun& run, const Step& step, std::int32_t segment, const Access& access) {
  const Place* sources = run.schedule->places.data() + step.sources.begin;
  const Place* destinations = run.schedule->places.data() + step.destinations.begin;
  const bool copies = step.sources.count == 1;
  for (std::size_t chunk = 0; chunk < static_cast<std::size_t>(step.chunks.count); ++chunk) {
    const std::size_t first = cell(run, step, sources[0], segment) + chunk;
    if (copies && step.destinations.count == 1 &&
        first == cell(run, step, destinations[0], segment) + chunk)
      continue;
    Value value;
    for (std::uint32_t i = 0; i < step.sources.count; ++i) {
      Value operand;
      const std::size_t from = cell(run, step, sources[i], segment) + chunk;
      if (const auto with = memory_.read(from, access, &operand))
        return race(run, "reads", sources[i], *with);
      if (!is_chunk(run, step, chunk, operand)) return false;
      value = i == 0 ? operand : joined(value, operand);
    }
    if (step.final) value = completed(value);
    for (std::uint32_t i = 0; i < step.destinations.count; ++i) {
      const std::size_t to = cell(run, step, destinations[i], segment) + chunk;
      if (copies && to == first) continue;
      if (const auto with = memory_.write(to, access, value))
        return race(run, "writes", destinations[i], *with);
    }
  }
  return true;
}

}  // namespace hfreduce::schedule::proving
