// An order of the ranks that take part in a ring, chain or tree: index <-> rank, either way without
// writing the order down.
#pragma once

#include <algorithm>

#include "schedule/schedule.h"

namespace hfreduce::algorithms {

// All ranks, host after host, so that neighbours are on one host wherever possible. A line may
// start at any rank (a broadcast's root): then its host's ranks come first, those below it last
// among them.
class FlatLine {
 public:
  explicit FlatLine(const schedule::Placement& placement, std::int32_t start = 0)
      : placement_(&placement), start_(start), host_(placement.host_of(start)) {}

  std::int32_t size() const { return placement_->ranks(); }
  std::int32_t rank_at(std::int32_t index) const {
    const auto& mates = placement_->members(host_);
    const auto first = static_cast<std::int32_t>(mates.size());
    if (index < first)
      return mates[static_cast<std::size_t>((placement_->local_rank(start_) + index) % first)];
    return placement_->rank_at((placement_->position(mates.front()) + index) % size());
  }
  std::int32_t index_of(std::int32_t rank) const {
    const auto& mates = placement_->members(host_);
    const auto first = static_cast<std::int32_t>(mates.size());
    if (placement_->host_of(rank) == host_)
      return (placement_->local_rank(rank) - placement_->local_rank(start_) + first) % first;
    return (placement_->position(rank) - placement_->position(mates.front()) + size()) % size();
  }

 private:
  const schedule::Placement* placement_;
  std::int32_t start_, host_;
};

// The `which`-th leader of a host, and which a rank is of the first `leaders` (-1: none of them):
// ranks of all groups (Placement) in turns.
inline std::int32_t leader_of(const schedule::Placement& placement, std::int32_t host,
                              std::int32_t which) {
  return placement.group(placement.levels(), host)[static_cast<std::size_t>(which)];
}
inline std::int32_t led_by(const schedule::Placement& placement, std::int32_t rank,
                           std::int32_t leaders) {
  for (std::int32_t which = 0; which < leaders; ++which)
    if (leader_of(placement, placement.host_of(rank), which) == rank) return which;
  return -1;
}

// One leader of each host, in the order of hosts: the `which`-th of each. For a broadcast the
// root's host comes first, and the root leads one of its host's lines: its own, or line 0.
class LeaderLine {
 public:
  LeaderLine(const schedule::Placement& placement, std::int32_t which)
      : placement_(&placement), which_(which) {}
  static LeaderLine from_root(const schedule::Placement& placement, std::int32_t root,
                              std::int32_t which, std::int32_t leaders) {
    LeaderLine line(placement, which);
    line.first_host_ = placement.host_of(root);
    if (which == std::max(0, led_by(placement, root, leaders))) line.root_ = root;
    return line;
  }

  std::int32_t size() const { return placement_->hosts(); }
  std::int32_t rank_at(std::int32_t index) const {
    if (index == 0 && root_ >= 0) return root_;
    return leader_of(*placement_, (first_host_ + index) % size(), which_);
  }
  // Of the leader of this rank's host.
  std::int32_t index_of(std::int32_t rank) const {
    return (placement_->host_of(rank) - first_host_ + size()) % size();
  }
  bool leads(std::int32_t rank) const { return rank_at(index_of(rank)) == rank; }

 private:
  const schedule::Placement* placement_;
  std::int32_t which_, root_ = -1, first_host_ = 0;
};

}  // namespace hfreduce::algorithms
