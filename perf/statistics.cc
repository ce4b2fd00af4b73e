#include "statistics.h"

#include <algorithm>
#include <cmath>

namespace hfreduce::perf {

Spread spread_of(std::vector<double> samples) {
  if (samples.empty()) return {};
  std::sort(samples.begin(), samples.end());
  const std::size_t n = samples.size();
  const double median = n % 2 == 1 ? samples[n / 2] : (samples[n / 2 - 1] + samples[n / 2]) / 2;
  const auto rank = static_cast<std::size_t>(std::ceil(0.99 * static_cast<double>(n)));
  // The number of samples below the true median is binomial: n/2, give or take 1.96 sqrt(n)/2.
  const auto half = static_cast<double>(n) / 2, around = 0.98 * std::sqrt(static_cast<double>(n));
  const auto low = static_cast<std::size_t>(std::max(0.0, std::floor(half - around)));
  const auto high = std::min(n - 1, static_cast<std::size_t>(std::ceil(half + around)));
  return {median, samples[std::max<std::size_t>(rank, 1) - 1], samples.front(), samples[low],
          samples[high]};
}

double algorithm_bandwidth(std::uint64_t bytes, double us) {
  return us > 0 ? static_cast<double>(bytes) / us / 1e3 : 0;
}

double bus_bandwidth(Collective collective, int ranks, double algorithm_bandwidth) {
  if (collective == Collective::kBroadcast) return algorithm_bandwidth;
  return algorithm_bandwidth * 2 * (ranks - 1) / ranks;
}

}  // namespace hfreduce::perf
