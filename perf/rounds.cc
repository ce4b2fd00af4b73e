#include "rounds.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <utility>

namespace hfreduce::perf {
namespace {

// Marks of one machine differ by less; cores with another way between them by more.
constexpr double kHandOverFactor = 1.4, kCopyFactor = 1.5;

bool alike(double a, double b, double factor) {
  return std::max(a, b) <= factor * std::min(a, b) || a == b;
}

}  // namespace

std::vector<int> groups_of(const std::vector<double>& values, double factor) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  std::vector<int> groups(values.size());
  int group = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (i > 0 && !alike(values[order[i - 1]], values[order[i]], factor)) ++group;
    groups[order[i]] = group;
  }
  return groups;
}

Kept same_label(const std::vector<Bracket>& brackets) {
  std::vector<double> hand_overs, copies;
  for (const Bracket& b : brackets) {
    hand_overs.push_back(std::sqrt(b.before.hand_over_us * b.after.hand_over_us));
    copies.push_back(std::sqrt(b.before.copy_us * b.after.copy_us));
  }
  const std::vector<int> by_hand_over = groups_of(hand_overs, kHandOverFactor);
  const std::vector<int> by_copy = groups_of(copies, kCopyFactor);
  Kept kept;
  kept.rounds.assign(brackets.size(), true);
  std::map<std::pair<int, int>, int> counts;
  std::vector<bool> steady;
  for (std::size_t i = 0; i < brackets.size(); ++i) {
    const Bracket& b = brackets[i];
    steady.push_back(alike(b.before.hand_over_us, b.after.hand_over_us, kHandOverFactor) &&
                     alike(b.before.copy_us, b.after.copy_us, kCopyFactor));
    if (steady[i]) {
      ++counts[{by_hand_over[i], by_copy[i]}];
    } else {
      ++kept.changed;
    }
  }
  kept.labels = static_cast<int>(counts.size());
  if (counts.empty()) return kept;  // nothing but change: all that there is, and said to be noisy
  auto most = counts.begin();       // in the order of labels, so the fastest comes first
  for (auto it = counts.begin(); it != counts.end(); ++it) {
    if (it->second > most->second) most = it;
  }
  for (std::size_t i = 0; i < brackets.size(); ++i) {
    kept.rounds[i] = steady[i] && std::pair(by_hand_over[i], by_copy[i]) == most->first;
    kept.count += kept.rounds[i];
  }
  return kept;
}

}  // namespace hfreduce::perf
