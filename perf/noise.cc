#include "noise.h"

#include <fmt/format.h>

namespace hfreduce::perf {

std::string noise_summary(const std::vector<Line>& lines, double tight) {
  int rounds = 0, kept = 0, noisy = 0, loose = 0;
  for (const Line& line : lines) {
    rounds += line.rounds;
    kept += line.rounds_kept;
    noisy += line.noisy;
    loose += tight > 0 && line.time.median > 0 && 100 * looseness(line.time) > tight;
  }
  std::string text;
  if (kept < rounds) {
    text += fmt::format(
        "# The machine changed: {} of {} rounds are left out, since a cache line or a copy then "
        "took "
        "another time\n",
        rounds - kept, rounds);
  }
  if (noisy > 0) {
    text += fmt::format(
        "# NOISY: in {} of {} cases others took cores away in more than one call of a hundred, or "
        "no "
        "more than half of the rounds ran on the same machine\n",
        noisy, lines.size());
  }
  if (loose > 0) {
    text += fmt::format("# Loose: in {} of {} cases the median is not known to {:g} % (--cap)\n",
                        loose, lines.size(), tight);
  }
  return text;
}

}  // namespace hfreduce::perf
