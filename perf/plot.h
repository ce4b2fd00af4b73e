// The results as pictures: latency and bandwidth over size, a curve for each library and one for
// the limit.
#pragma once

#include <string>
#include <vector>

#include "report.h"

namespace hfreduce::perf {

// A row of two pictures for each kind of call; an SVG document. Throws with a sentence when there
// is nothing to draw.
std::string plot_svg(const Facts& facts, const std::vector<Line>& lines);

}  // namespace hfreduce::perf
