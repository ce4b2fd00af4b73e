#pragma once

#include <string>
#include <vector>

#include "schedule/schedule.h"

namespace hfreduce::schedule::proving {

// What is wrong with one rank's schedule taken by itself (numbers out of range, places that it may
// not touch, malformed repeats); empty: nothing. The rest of the verifier relies on it.
std::string illegal(const Schedule& schedule, const Placement& placement);

// Two ranks of a call of which only one uses the link between them: it would never be connected,
// since each end has to ask for it; empty: none.
std::string lopsided(const std::vector<Schedule>& schedules, const Placement& placement);

}  // namespace hfreduce::schedule::proving
