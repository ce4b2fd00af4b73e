// A timeline as SVG: a band for each rank, a row in it for each of its lanes; time runs to the
// right.
#pragma once

#include <string>
#include <vector>

#include "timeline.h"

namespace hfreduce::sched {

// What the picture says of itself, in the words of the caller.
struct Captions {
  std::string title;
  std::vector<std::string> lines;
};

std::string picture(const Run& run, const Timeline& timeline, const Captions& captions);

// 1536 -> "1.5K"; 1234.5 ns -> "1.23 us"
std::string bytes_text(double bytes);
std::string time_text(double ns);

}  // namespace hfreduce::sched
