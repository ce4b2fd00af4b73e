// Whether the ranks that may claim the same chunks agree on what is to be done with them.
#pragma once

#include <string>
#include <vector>

#include "schedule/schedule.h"

namespace hfreduce::schedule::proving {

// One sentence on the first disagreement; empty: there is none. Each schedule by itself is legal.
std::string claims_differ(const std::vector<Schedule>& schedules);

}  // namespace hfreduce::schedule::proving
