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

// Of all samples of all rounds; the interval is the wider one of theirs and of that which the
// medians of the rounds give, for calls of one round are more alike than calls of two.
Spread spread_of_rounds(const std::vector<std::vector<double>>& rounds);
// How far from the median its interval reaches, as a share of it; of no samples: 1.
double looseness(const Spread& spread);

// GB/s (1e9 bytes a second).
double algorithm_bandwidth(std::uint64_t bytes, double us);
// As nccl-tests: what a link would have to carry, whatever the number of ranks.
double bus_bandwidth(Collective collective, int ranks, double algorithm_bandwidth);

}  // namespace hfreduce::perf
