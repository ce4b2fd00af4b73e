// A schedule as text for people.
#pragma once

#include <string>

#include "schedule/schedule.h"

namespace hfreduce::schedule {

// Several lines, each ending in a newline. In it, g is the iteration, k the repetition; "flag
// 3@2g+1 from 0, 2" is flag 3 of ranks 0 and 2 at tick 2g+1; "area 0[g]" a slot; "own" this rank's.
std::string to_text(const Schedule& schedule);
// One step without its position; `schedule` holds its places and peers.
std::string to_text(const Schedule& schedule, const Step& step);

}  // namespace hfreduce::schedule
