// What this host's memory and caches allow, measured by the ranks together between the calls.
#pragma once

#include <cstdint>
#include <functional>

#include "gang.h"
#include "kinds.h"

namespace hfreduce::perf {

struct Traffic {
  Collective collective = Collective::kAllReduce;
  Placing place = Placing::kOut;
  int root = 0;  // a member of the team
  std::uint64_t bytes = 0;
};

// All members call each of these together. The figures are right on every member.
//
// What each member does, in us of the slowest: the fastest of `times`; where members take turns on
// the cores, the mean.
double fastest_us(Team& team, int times, const std::function<void()>& work);
// Reads every input once and writes every output once, straight between the members' buffers, the
// work shared evenly, by plain stores or, for much, by streaming ones; in us, the fastest.
double copy_us(Team& team, const Traffic& traffic, int times);
// One cache line from member `a` to member `b` and back, halved. `yielding`: they share a core.
double hand_over_us(Team& team, int a, int b, bool yielding);

}  // namespace hfreduce::perf
