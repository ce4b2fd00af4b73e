#include "schedule/placement.h"

#include <algorithm>
#include <map>
#include <utility>

namespace hfreduce::schedule {
namespace {

using Labels = Placement::Labels;

// Numbers for what `first` and `second` together tell apart, in the order of ranks.
Labels numbered(const Labels& first, const Labels& second, std::size_t* count) {
  std::map<std::pair<std::int32_t, std::int32_t>, std::int32_t> numbers;
  Labels numbered(first.size());
  for (std::size_t rank = 0; rank < first.size(); ++rank)
    numbered[rank] =
        numbers.try_emplace({first[rank], second[rank]}, static_cast<std::int32_t>(numbers.size()))
            .first->second;
  *count = numbers.size();
  return numbered;
}

}  // namespace

Placement::Placement(const Labels& host_of, const std::vector<Labels>& levels)
    : local_(host_of.size()), position_(host_of.size()) {
  std::size_t hosts = 0;
  host_of_ = numbered(host_of, host_of, &hosts);
  members_.resize(hosts);
  for (std::size_t rank = 0; rank < host_of_.size(); ++rank) {
    auto& members = members_[static_cast<std::size_t>(host_of_[rank])];
    local_[rank] = static_cast<std::int32_t>(members.size());
    members.push_back(static_cast<std::int32_t>(rank));
  }
  by_position_.reserve(host_of_.size());
  for (const auto& members : members_) {
    for (const std::int32_t rank : members) {
      position_[static_cast<std::size_t>(rank)] = static_cast<std::int32_t>(by_position_.size());
      by_position_.push_back(rank);
    }
    const auto size = static_cast<std::int32_t>(members.size());
    fewest_local_ = fewest_local_ == 0 ? size : std::min(fewest_local_, size);
    most_local_ = std::max(most_local_, size);
  }
  add_tiers(levels);
}

void Placement::add_tiers(const std::vector<Labels>& levels) {
  tiers_.push_back({host_of_, std::vector<Group>(members_.size())});
  for (auto level = levels.rbegin(); level != levels.rend(); ++level) {
    std::size_t count = 0;
    Labels group_of = numbered(tiers_.back().group_of, *level, &count);
    if (count == tiers_.back().groups.size() || count == host_of_.size()) continue;
    tiers_.push_back({std::move(group_of), std::vector<Group>(count)});
  }
  std::reverse(tiers_.begin(), tiers_.end());
  for (std::size_t rank = 0; rank < host_of_.size(); ++rank) {
    auto& group = tiers_[0].groups[static_cast<std::size_t>(tiers_[0].group_of[rank])];
    group.ranks.push_back(static_cast<std::int32_t>(rank));
  }
  for (std::size_t level = 1; level < tiers_.size(); ++level) {
    const Tier& inner = tiers_[level - 1];
    for (std::size_t part = 0; part < inner.groups.size(); ++part) {
      const std::int32_t first = inner.groups[part].ranks.front();
      const std::int32_t whole = tiers_[level].group_of[static_cast<std::size_t>(first)];
      tiers_[level].groups[static_cast<std::size_t>(whole)].parts.push_back(
          static_cast<std::int32_t>(part));
    }
    for (Group& group : tiers_[level].groups) mix_parts(level - 1, &group);
  }
}

// Each rank stands where it stands in its part, as a fraction.
void Placement::mix_parts(std::size_t level, Group* group) const {
  struct Entry {
    std::int64_t above, below;
    std::int32_t rank;
  };
  std::vector<Entry> entries;
  for (const std::int32_t part : group->parts) {
    const auto& ranks = tiers_[level].groups[static_cast<std::size_t>(part)].ranks;
    for (std::size_t i = 0; i < ranks.size(); ++i)
      entries.push_back({static_cast<std::int64_t>(2 * i + 1),
                         static_cast<std::int64_t>(2 * ranks.size()), ranks[i]});
  }
  std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return a.above * b.below < b.above * a.below;
  });
  for (const Entry& entry : entries) group->ranks.push_back(entry.rank);
}

}  // namespace hfreduce::schedule
