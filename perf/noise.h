// How steady the machine was.
#pragma once

#include <string>
#include <vector>

#include "report.h"

namespace hfreduce::perf {

// For the foot of the table; empty when all rounds of all lines ran on the same machine and every
// median is known to `tight` percent (0: however loose).
std::string noise_summary(const std::vector<Line>& lines, double tight);

}  // namespace hfreduce::perf
