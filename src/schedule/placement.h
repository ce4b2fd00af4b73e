// Who is near whom, as far as algorithms need to know.
#pragma once

#include <cstdint>
#include <vector>

namespace hfreduce::schedule {

// Which ranks share a host (their windows are mapped to each other) and which do not (posted
// links). Hosts are numbered by their lowest rank, ranks of a host are in ascending order.
//
// Inside hosts there may be groups of ranks that are nearer to each other, for example those that
// share a cache: levels 0 .. levels()-1, the innermost first, each group within one of the next
// level; level levels() are the hosts. Groups of a level are numbered by their lowest rank.
// Immutable.
class Placement {
 public:
  using Labels = std::vector<std::int32_t>;  // one of each rank: equal for ranks that are together

  // Of `levels` those that part no group, or part everybody from everybody, are left out.
  explicit Placement(const Labels& host_of, const std::vector<Labels>& levels = {});

  std::int32_t ranks() const noexcept { return static_cast<std::int32_t>(host_of_.size()); }
  std::int32_t hosts() const noexcept { return static_cast<std::int32_t>(members_.size()); }
  std::int32_t host_of(std::int32_t rank) const { return host_of_[static_cast<std::size_t>(rank)]; }
  // This rank's position among those of its host.
  std::int32_t local_rank(std::int32_t rank) const {
    return local_[static_cast<std::size_t>(rank)];
  }
  const std::vector<std::int32_t>& members(std::int32_t host) const {
    return members_[static_cast<std::size_t>(host)];
  }
  // Ranks ordered by host, then by rank: where a rank stands in that order, and who stands there.
  std::int32_t position(std::int32_t rank) const {
    return position_[static_cast<std::size_t>(rank)];
  }
  std::int32_t rank_at(std::int32_t position) const {
    return by_position_[static_cast<std::size_t>(position)];
  }
  bool mapped(std::int32_t a, std::int32_t b) const { return host_of(a) == host_of(b); }
  std::int32_t fewest_local() const noexcept { return fewest_local_; }
  std::int32_t most_local() const noexcept { return most_local_; }

  std::int32_t levels() const noexcept { return static_cast<std::int32_t>(tiers_.size()) - 1; }
  std::int32_t groups(std::int32_t level) const {
    return static_cast<std::int32_t>(tier(level).groups.size());
  }
  std::int32_t group_of(std::int32_t level, std::int32_t rank) const {
    return tier(level).group_of[static_cast<std::size_t>(rank)];
  }
  // The ranks of a group: ascending at level 0, else from its parts in turns, so that each stretch
  // holds as much of every part as it can.
  const std::vector<std::int32_t>& group(std::int32_t level, std::int32_t number) const {
    return tier(level).groups[static_cast<std::size_t>(number)].ranks;
  }
  // The groups of the level below (not of level 0) that it consists of, ascending.
  const std::vector<std::int32_t>& parts(std::int32_t level, std::int32_t number) const {
    return tier(level).groups[static_cast<std::size_t>(number)].parts;
  }

 private:
  struct Group {
    std::vector<std::int32_t> ranks, parts;
  };
  struct Tier {
    std::vector<std::int32_t> group_of;
    std::vector<Group> groups;
  };

  const Tier& tier(std::int32_t level) const { return tiers_[static_cast<std::size_t>(level)]; }
  void add_tiers(const std::vector<Labels>& levels);
  void mix_parts(std::size_t level, Group* group) const;

  std::vector<std::int32_t> host_of_, local_, position_, by_position_;
  std::vector<std::vector<std::int32_t>> members_;
  std::vector<Tier> tiers_;
  std::int32_t fewest_local_ = 0, most_local_ = 0;
};

}  // namespace hfreduce::schedule
