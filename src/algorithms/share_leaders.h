// Who answers for a share of a host's data in each of its groups (Placement): adds up what the
// ranks of the group have of it, or hands it on to them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "schedule/builder.h"

namespace hfreduce::algorithms {

// Share s is led by the s-th rank of the host, in the order that takes ranks of all groups in
// turns, or all by a broadcast's root. Who leads a share for a group leads it for every part of
// that group that it is in; in the other parts shares are dealt out evenly, neighbours to the same
// rank.
class ShareLeaders {
 public:
  ShareLeaders(const schedule::Placement& placement, std::int32_t shares, std::int32_t root = -1)
      : placement_(&placement), shares_(shares), root_(root) {}

  std::int32_t shares() const { return shares_; }
  // In the group of this level that `rank` is in.
  std::int32_t leader(std::int32_t level, std::int32_t rank, std::int32_t share) const {
    const std::int32_t number = placement_->group_of(level, rank);
    const auto& group = placement_->group(level, number);
    if (level == placement_->levels()) {
      const bool rooted = root_ >= 0 && placement_->host_of(root_) == number;
      return rooted ? root_ : group[static_cast<std::size_t>(share)];
    }
    const std::int32_t outer = leader(level + 1, rank, share);
    if (placement_->group_of(level, outer) == number) return outer;
    return group[static_cast<std::size_t>(share) * group.size() /
                 static_cast<std::size_t>(shares_)];
  }
  // The highest level at which `rank` leads the share; -1: at none.
  std::int32_t highest(std::int32_t rank, std::int32_t share) const {
    for (std::int32_t level = placement_->levels(); level >= 0; --level)
      if (leader(level, rank, share) == rank) return level;
    return -1;
  }
  // At which level `rank` finds a share that is handed out, with the leader there: the lowest at
  // which it is not the leader itself, or the host, where it came from elsewhere.
  std::int32_t found_at(std::int32_t rank, std::int32_t share) const {
    return std::min(highest(rank, share) + 1, placement_->levels());
  }
  bool finds_any_with(std::int32_t rank, std::int32_t leader_of_it) const {
    for (std::int32_t share = 0; share < shares_; ++share)
      if (leader(found_at(rank, share), rank, share) == leader_of_it) return true;
    return false;
  }
  // Of the parts of the group of this level (1 or more) that `rank` is in, in their order.
  schedule::Peers part_leaders(std::int32_t level, std::int32_t rank, std::int32_t share) const {
    schedule::Peers peers;
    for (const std::int32_t part : placement_->parts(level, placement_->group_of(level, rank)))
      peers.push_back(leader(level - 1, placement_->group(level - 1, part).front(), share));
    return peers;
  }

 private:
  const schedule::Placement* placement_;
  std::int32_t shares_, root_;
};

// Shares that follow each other and that the same ranks deal with.
template <typename Who>
struct Run {
  std::int32_t first = 0, count = 0;
  Who who;
};
template <typename WhoOf>
auto runs_of(std::int32_t shares, WhoOf&& who_of) {
  std::vector<Run<decltype(who_of(0))>> runs;
  for (std::int32_t share = 0; share < shares; ++share) {
    auto who = who_of(share);
    if (runs.empty() || runs.back().who != who)
      runs.push_back({share, 1, std::move(who)});
    else
      ++runs.back().count;
  }
  return runs;
}

// All that are named, once each, in the order in which they come.
inline void add_each(const schedule::Peers& more, schedule::Peers* peers) {
  for (const std::int32_t peer : more)
    if (std::find(peers->begin(), peers->end(), peer) == peers->end()) peers->push_back(peer);
}

}  // namespace hfreduce::algorithms
