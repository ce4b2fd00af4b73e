// From samples to the figures of a line.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kinds.h"

namespace hfreduce::perf {

struct Spread {
  double median = 0, p99 = 0, min = 0;
  // The median lies between these with 95 % confidence, as far as the samples depend on nothing but
  // each other's distribution.
  double low = 0, high = 0;
};
// Of no samples: zeros. p99 is the smallest sample that at least 99 % do not exceed.
Spread spread_of(std::vector<double> samples);

// GB/s (1e9 bytes a second).
double algorithm_bandwidth(std::uint64_t bytes, double us);
// As nccl-tests: what a link would have to carry, whatever the number of ranks.
double bus_bandwidth(Collective collective, int ranks, double algorithm_bandwidth);

}  // namespace hfreduce::perf
