// Puts, signals, waits and drains: how one actor learns what another has done.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "schedule/proving/machine.h"

namespace hfreduce::schedule::proving {

// Over a mapped link the lane itself copies; over a posted one the link reads the source and writes
// the destination on its own time, which only its flag tells.
bool Machine::put(LaneRun& run, const Step& step, std::int32_t segment) {
  const std::uint32_t index = (*run.logs)[step.peers.begin];
  Log& log = flags_[index];
  const bool posted = log.receiver >= 0;
  const Place& source = run.schedule->places[step.sources.begin];
  const Place& destination = run.schedule->places[step.destinations.begin];
  const std::size_t from = cell(run, step, source, segment);
  const std::size_t to = cell(run, step, destination, segment);
  const auto count = static_cast<std::size_t>(step.chunks.count);
  Access access{clocks_ ? &run.clock : nullptr, {run.actor, run.clock.of(run.actor)}};
  if (posted && clocks_) {
    if (log.actor == 0)
      log.actor = new_actor(fmt::format("the link from rank {} to {} for flag {}", log.owner,
                                        log.receiver, log.flag));
    log.carried.join(run.clock);
    log.carried.tick(log.actor);
    access = {&log.carried, {log.actor, log.carried.of(log.actor)}};
    log.sent.push_back({tick(run, step.tick, segment), access.epoch.time});
  }
  std::vector<Value> values(count);
  for (std::size_t chunk = 0; chunk < count; ++chunk) {
    if (const auto with = memory_.read(from + chunk, access, &values[chunk]))
      return race(run, "reads", source, *with);
    if (!is_chunk(run, step, chunk, values[chunk])) return false;
  }
  if (posted && clocks_) {
    log.carried.tick(log.actor);
    access.epoch.time = log.carried.of(log.actor);
  }
  for (std::size_t chunk = 0; chunk < count; ++chunk)
    if (const auto with = memory_.write(to + chunk, access, values[chunk]))
      return race(run, "writes", destination, *with);
  if (!raise(run, &flags_[index], tick(run, step.tick, segment) + 1, step)) return false;
  if (clocks_) run.clock.tick(run.actor);
  return true;
}

bool Machine::signal(LaneRun& run, const Step& step, std::int32_t segment) {
  const std::uint64_t value = tick(run, step.tick, segment) + 1;
  bool line_is_raised = false;
  for (std::uint32_t i = step.peers.begin; i < step.peers.begin + step.peers.count; ++i) {
    Log& log = flags_[(*run.logs)[i]];
    if (log.receiver < 0 && std::exchange(line_is_raised, true)) continue;
    if (!raise(run, &log, value, step)) return false;
  }
  if (clocks_) run.clock.tick(run.actor);
  return true;
}

bool Machine::raise(LaneRun& run, Log* log, std::uint64_t value, const Step& step) {
  if (value <= log->value)
    return fail_at(run, fmt::format("raises flag {} to {}, which already is {}", log->flag, value,
                                    log->value));
  log->value = value;
  ready_.insert(ready_.end(), log->waiting.begin(), log->waiting.end());
  log->waiting.clear();
  if (!clocks_) return true;
  if (!run.clock.knows(log->last_by))
    return fail_at(run, fmt::format("raises flag {} in no order with {}", log->flag,
                                    actors_[log->last_by.actor]));
  log->last_by = {run.actor, run.clock.of(run.actor)};
  Raise& raise = log->raises.next();
  raise.value = value;
  raise.by = log->last_by;
  raise.names = run.schedule->peers.data() + step.peers.begin;
  raise.named = step.peers.count;
  if (log->receiver >= 0) {
    if (step.op == Op::kSignal) log->carried.join(run.clock);  // a put's has joined already
    raise.clock = log->carried;
  } else {
    raise.clock = run.clock;
  }
  return true;
}

bool Machine::wait(LaneRun& run, const Step& step, std::int32_t segment) {
  const std::uint64_t raised = tick(run, step.tick, segment) + 1;
  const std::uint64_t value = raised > step.lag ? raised - step.lag : 0;
  for (; value > 0 && run.peers_seen < step.peers.count; ++run.peers_seen) {
    const std::uint32_t index = (*run.logs)[step.peers.begin + run.peers_seen];
    if (!reached(run, index, value)) return false;
  }
  run.peers_seen = 0;
  return true;
}

// Whether the flag has come so far, and what that tells does not contradict the schedule.
bool Machine::reached(LaneRun& run, std::uint32_t index, std::uint64_t value) {
  if (flags_[index].value < value) {
    run.blocked_on = index;
    run.needs = value;
    return false;
  }
  return !clocks_ || see(run, flags_[index], value);
}

// Learns what the earliest raise that satisfies the wait tells.
bool Machine::see(LaneRun& run, const Log& log, std::uint64_t value) {
  const Raise* raise = log.raises.satisfying(value);
  if (raise == nullptr) return true;
  if (log.receiver < 0) {
    const std::int32_t* end = raise->names + raise->named;
    if (std::find(raise->names, end, run.rank) == end)
      return fail_at(run, fmt::format("waits for flag {} of rank {}, raised for others only",
                                      log.flag, log.owner));
    if (run.clock.knows(raise->by)) return true;
  }
  run.clock.join(raise->clock);
  return true;
}

void Machine::drain(LaneRun& run, const Step& step, std::int32_t segment) {
  if (!clocks_) return;
  const std::uint64_t after = tick(run, step.tick, segment) + 1;
  const Log& log = flags_[(*run.logs)[step.peers.begin]];
  for (auto sent = log.sent.rbegin(); sent != log.sent.rend(); ++sent) {
    if (sent->tick + step.lag >= after) continue;
    run.clock.learn({log.actor, sent->time});
    return;
  }
}

}  // namespace hfreduce::schedule::proving
