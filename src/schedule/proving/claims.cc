// Work that whoever comes first does. The proof must not depend on who that is: so nobody does it
// but an actor of its own, which knows only what all who may claim know when they come there, and
// which works when the last of them has come. In truth it may be done much sooner; but whoever
// does it knows at least as much, and what it has to wait for it has waited for by then.
//
// One actor does all chunks of an iteration: they touch different cells, whoever does them.
#include "schedule/proving/claims.h"

#include <fmt/format.h>

#include "schedule/proving/machine.h"

namespace hfreduce::schedule::proving {
namespace {

const Step* find_claim(const Schedule& schedule, std::uint16_t flag) {
  for (const Lane& lane : schedule.lanes)
    for (const Step& step : lane.steps)
      if (step.op == Op::kClaim && step.flag == flag) return &step;
  return nullptr;
}

bool same_place(const Place& a, const Place& b) {
  return a.kind == b.kind && a.owner == b.owner && a.area == b.area && a.tick == b.tick;
}

bool same_work(const Schedule& a, const Step& at, const Schedule& b, const Step& bt) {
  const auto same = [](const auto& x, const Range& of_x, const auto& y, const Range& of_y,
                       const auto& equal) {
    return std::equal(x.begin() + of_x.begin, x.begin() + of_x.begin + of_x.count,
                      y.begin() + of_y.begin, y.begin() + of_y.begin + of_y.count, equal);
  };
  return at.chunks == bt.chunks && at.final == bt.final &&
         same(a.places, at.sources, b.places, bt.sources, same_place) &&
         same(a.places, at.destinations, b.places, bt.destinations, same_place) &&
         same(a.peers, at.peers, b.peers, bt.peers, std::equal_to<>());
}

}  // namespace

std::string claims_differ(const std::vector<Schedule>& schedules) {
  for (const Schedule& schedule : schedules) {
    for (const Lane& lane : schedule.lanes) {
      for (const Step& step : lane.steps) {
        if (step.op != Op::kClaim) continue;
        for (std::uint32_t i = step.peers.begin; i < step.peers.begin + step.peers.count; ++i) {
          const Schedule& other = schedules[static_cast<std::size_t>(schedule.peers[i])];
          const Step* theirs = find_claim(other, step.flag);
          if (theirs == nullptr || !same_work(schedule, step, other, *theirs))
            return fmt::format("ranks {} and {} do not claim the same work by flag {}",
                               schedule.rank, other.rank, step.flag);
        }
      }
    }
  }
  return {};
}

bool Machine::claim(LaneRun& run, const Step& step, std::int32_t segment) {
  const std::uint32_t index = (*run.logs)[step.peers.begin];
  Log& log = flags_[index];
  const std::uint64_t value = tick(run, step.tick, segment) + 1;
  if (run.peers_seen == 0) {
    run.peers_seen = 1;
    Gathering& all = log.claimers;
    if (all.count == 0) {
      all.common = run.clock;
      all.value = value;
    }
    if (all.value != value || value <= log.value)
      return fail_at(run, fmt::format("claims by flag {} out of turn", log.flag));
    all.common.meet(run.clock);
    if (clocks_) run.clock.tick(run.actor);
    if (++all.count == step.peers.count && !do_claims(run, step, segment)) return false;
  }
  if (!reached(run, index, value)) return false;
  run.peers_seen = 0;
  return true;
}

// All have come.
bool Machine::do_claims(LaneRun& run, const Step& step, std::int32_t segment) {
  Log& log = flags_[(*run.logs)[step.peers.begin]];
  Clock clock = std::move(log.claimers.common);
  log.claimers = {};
  Access access;
  if (clocks_) {
    if (log.actor == 0) log.actor = new_actor(fmt::format("whoever claims by flag {}", log.flag));
    if (!clock.knows(log.last_by))
      return fail_at(run, fmt::format("claims by flag {} while {} may still be at it", log.flag,
                                      actors_[log.last_by.actor]));
    clock.tick(log.actor);
    access = {&clock, {log.actor, clock.of(log.actor)}};
  }
  if (!reduce(run, step, segment, access)) return false;
  log.value = tick(run, step.tick, segment) + 1;
  ready_.insert(ready_.end(), log.waiting.begin(), log.waiting.end());
  log.waiting.clear();
  if (!clocks_) return true;
  log.last_by = access.epoch;
  Raise& raise = log.raises.next();
  raise.value = log.value;
  raise.by = log.last_by;
  raise.names = run.schedule->peers.data() + step.peers.begin;
  raise.named = step.peers.count;
  raise.clock = std::move(clock);
  return true;
}

}  // namespace hfreduce::schedule::proving
