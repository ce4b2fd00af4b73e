// Proves that the schedules of all ranks together do what they should, by running them symbolically
// over a sequence of calls. What is proved, for the placement, root and call lengths given:
//
//  - every output holds each rank's contribution exactly once (or the root's data), completed once,
//    and combined in the same order on all ranks: the same bits everywhere;
//  - no race: of any two accesses to one place of which one writes, one happens before the other.
//    The caller's writing before and reading after a call are accesses too, and so is what a posted
//    link reads and writes on its own time. A wait is ordered after the earliest signal that could
//    have satisfied it, so the proof holds for every interleaving, not for the one that was run;
//  - every wait ends, with the slots that there are, within its call and without a later one;
//  - flags only grow, each is raised in one order, and only for whom it names;
//  - a link is used by both its ends or by none, in every call;
//  - places are legal: users' buffers are touched by their rank, or by a put over a posted link.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "schedule/schedule.h"

namespace hfreduce::schedule {

struct Call {
  std::int32_t segments = 1;
  std::int32_t root = 0;
  bool in_place = false;
};

struct Subject {
  const Placement* placement = nullptr;
  bool reduces = true;  // outputs are the completed sum of all inputs; else the root's input
  // A pure function. Without `reduces` the root does not matter and is always 0.
  std::function<Schedule(std::int32_t rank, std::int32_t root)> schedule;
  // Races are looked for up to this many ranks; beyond, everything else is still proved.
  std::int32_t most_ranks_for_races = 64;
};

struct Verdict {
  std::string fault;            // one sentence; empty: proved
  bool races_excluded = false;  // whether races were looked for
  std::uint64_t steps = 0;      // executed
  bool ok() const { return fault.empty(); }
};

Verdict verify(const Subject& subject, std::span<const Call> calls);

}  // namespace hfreduce::schedule
