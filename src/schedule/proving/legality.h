#pragma once

#include <string>

#include "schedule/schedule.h"

namespace hfreduce::schedule::proving {

// What is wrong with one rank's schedule taken by itself (numbers out of range, places that it may
// not touch, malformed repeats); empty: nothing. The rest of the verifier relies on it.
std::string illegal(const Schedule& schedule, const Placement& placement);

}  // namespace hfreduce::schedule::proving
