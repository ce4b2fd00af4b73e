#include <algorithm>
#include <map>

#include "schedule/schedule.h"

namespace hfreduce::schedule {

Placement::Placement(const std::vector<std::int32_t>& host_of)
    : host_of_(host_of.size()), local_(host_of.size()), position_(host_of.size()) {
  std::map<std::int32_t, std::int32_t> numbers;
  for (std::size_t rank = 0; rank < host_of.size(); ++rank) {
    const auto [entry, is_new] =
        numbers.try_emplace(host_of[rank], static_cast<std::int32_t>(numbers.size()));
    if (is_new) members_.emplace_back();
    auto& members = members_[static_cast<std::size_t>(entry->second)];
    host_of_[rank] = entry->second;
    local_[rank] = static_cast<std::int32_t>(members.size());
    members.push_back(static_cast<std::int32_t>(rank));
  }
  by_position_.reserve(host_of.size());
  for (const auto& members : members_) {
    for (const std::int32_t rank : members) {
      position_[static_cast<std::size_t>(rank)] = static_cast<std::int32_t>(by_position_.size());
      by_position_.push_back(rank);
    }
    const auto size = static_cast<std::int32_t>(members.size());
    fewest_local_ = fewest_local_ == 0 ? size : std::min(fewest_local_, size);
    most_local_ = std::max(most_local_, size);
  }
}

}  // namespace hfreduce::schedule
