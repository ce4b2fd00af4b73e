// Rounds of a case and the machine that each of them ran on: hypervisors move cores about, and what
// was measured on two cores of one kind must not be put together with, or compared to, what was
// measured on others.
#pragma once

#include <vector>

namespace hfreduce::perf {

// What the machine is like at a moment; 0: not known.
struct Mark {
  double hand_over_us = 0;  // of a cache line from core to core
  double copy_us = 0;       // of a fixed amount by all local ranks
};
// A round lies between two marks.
struct Bracket {
  Mark before, after;
};

// Rounds with one label: those whose marks are all alike.
struct Kept {
  std::vector<bool> rounds;  // of the label that most rounds have; the fastest of several such
  int count = 0;
  int labels = 0;   // how many there were, without the changing ones
  int changed = 0;  // rounds in which the machine became another
  // Few rounds are of one label, so the figures are of little worth.
  bool noisy() const { return count * 2 <= static_cast<int>(rounds.size()); }
};
Kept same_label(const std::vector<Bracket>& brackets);

// Numbers that values get who lie together: a gap of more than `factor` parts two groups; 0 is the
// group of the least.
std::vector<int> groups_of(const std::vector<double>& values, double factor);

}  // namespace hfreduce::perf
