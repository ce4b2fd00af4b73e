#include "statistics.h"

#include <algorithm>
#include <cmath>
#include <utility>

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

Spread spread_of_rounds(const std::vector<std::vector<double>>& rounds) {
  std::vector<double> all, medians;
  for (const std::vector<double>& round : rounds) {
    if (round.empty()) continue;
    all.insert(all.end(), round.begin(), round.end());
    medians.push_back(spread_of(round).median);
  }
  Spread spread = spread_of(std::move(all));
  if (medians.size() < 2) return spread;
  const auto n = static_cast<double>(medians.size());
  double mean = 0, squares = 0;
  for (const double median : medians) mean += median / n;
  for (const double median : medians) squares += (median - mean) * (median - mean);
  const double student = 1.96 + 3.6 / (n - 1);  // near enough to the 95 % quantile from 4 rounds up
  const double half = student * std::sqrt(squares / (n - 1) / n);
  spread.low = std::max(0.0, std::min(spread.low, spread.median - half));
  spread.high = std::max(spread.high, spread.median + half);
  return spread;
}

double looseness(const Spread& spread) {
  if (!(spread.median > 0)) return 1;
  return std::max(spread.high - spread.median, spread.median - spread.low) / spread.median;
}

double algorithm_bandwidth(std::uint64_t bytes, double us) {
  return us > 0 ? static_cast<double>(bytes) / us / 1e3 : 0;
}

double bus_bandwidth(Collective collective, int ranks, double algorithm_bandwidth) {
  if (collective == Collective::kBroadcast) return algorithm_bandwidth;
  return algorithm_bandwidth * 2 * (ranks - 1) / ranks;
}

}  // namespace hfreduce::perf
