#include "algorithms/host_pass.h"

namespace hfreduce::algorithms {

using namespace schedule;

const Peers& mates(const Placement& placement, std::int32_t rank) {
  return placement.members(placement.host_of(rank));
}

Peers other_mates(const Placement& placement, std::int32_t rank) {
  Peers peers = mates(placement, rank);
  std::erase(peers, rank);
  return peers;
}

HandOutIds reserve_hand_out(Layout* layout, const Placement& placement, std::int32_t slots) {
  HandOutIds ids;
  ids.slots = slots;
  ids.shares = layout->chunks;
  ids.result = add_flag(*layout);
  ids.work = add_area(*layout, {.slots = slots, .flag = placement.hosts() == 1 ? ids.result : -1});
  for (std::int32_t level = 0; level < placement.levels(); ++level)
    ids.passed_on.push_back(add_flag(*layout));
  ids.sent = add_flag(*layout);
  ids.read = add_flag(*layout);
  return ids;
}

// Whoever hands on what came from a root reads and is read by the same ranks as if it were the
// root.
Peers readers_of(const Placement& placement, const HandOutIds& ids, std::int32_t rank) {
  const ShareLeaders shares(placement, ids.shares, rank);
  Peers readers = other_mates(placement, rank);
  std::erase_if(readers, [&](std::int32_t peer) { return !shares.finds_any_with(peer, rank); });
  return readers;
}

Peers read_by(const Placement& placement, const HandOutIds& ids, std::int32_t rank) {
  Peers read = other_mates(placement, rank);
  std::erase_if(read, [&](std::int32_t peer) {
    return !ShareLeaders(placement, ids.shares, peer).finds_any_with(rank, peer);
  });
  return read;
}

void emit_hand_out_root(Builder* schedule, const Placement& placement, const HandOutIds& ids) {
  const std::int32_t rank = schedule->rank();
  const Peers others = other_mates(placement, rank);
  if (others.empty()) return;
  schedule->lane("hand out")
      .wait({ids.read, {}}, readers_of(placement, ids, rank), ids.slots)
      .stage(chunks(0, ids.shares), input(rank), slot(ids.work, rank))
      .signal({ids.result, {}}, others)
      .signal({ids.read, {}}, mates(placement, rank));
}

namespace {

// Where this rank finds a share, which the leader's flag of level `told_at` says is there.
struct Source {
  std::int32_t level = 0, leader = 0, told_at = 0;
  bool operator==(const Source&) const = default;
};

class HandOutLane {
 public:
  HandOutLane(Builder* schedule, const Placement& placement, const HandOutIds& ids,
              std::int32_t root)
      : placement_(placement),
        ids_(ids),
        shares_(placement, ids.shares, root),
        lane_(schedule->lane("out")),
        rank_(schedule->rank()),
        runs_(runs_of(ids.shares, [&](std::int32_t share) { return source(share); })) {}

  void emit(bool sends) {
    lane_.wait({ids_.read, {}}, mates_without_credit(), ids_.slots);
    for (std::int32_t level = placement_.levels(); level >= 0; --level) {
      bool passed_on = false;
      for (const Run<Source>& run : runs_) {
        if (run.who.level != level) continue;
        copy(run);
        passed_on |= passes_on(run.who);
      }
      if (passed_on) lane_.signal({told(level - 1), {}}, near(level - 1));
    }
    if (sends) lane_.skew(1).wait({ids_.sent, {}}, {rank_});
    Peers listeners = read_by(placement_, ids_, rank_);
    listeners.push_back(rank_);
    lane_.signal({ids_.read, {}}, listeners);
  }

 private:
  // Who may still be reading what this rank passed on in its slots, for all that the leader who has
  // the next segment knows: that one has waited for all who read its own slots, among them everyone
  // outside of the group for which this rank passes it on.
  Peers mates_without_credit() const {
    const Peers readers = readers_of(placement_, ids_, rank_);
    Peers peers;
    for (const Run<Source>& run : runs_) {
      if (!passes_on(run.who)) continue;
      const std::int32_t level = run.who.level - 1;
      const Peers known = readers_of(placement_, ids_, run.who.leader);
      for (const std::int32_t mate : readers)
        if (placement_.group_of(level, mate) == placement_.group_of(level, rank_) &&
            std::find(known.begin(), known.end(), mate) == known.end())
          add_each({mate}, &peers);
    }
    return peers;
  }
  void copy(const Run<Source>& run) {
    Places places{output(rank_)};
    if (passes_on(run.who)) places.push_back(slot(ids_.work, rank_));
    lane_.wait({told(run.who.told_at), {}}, {run.who.leader})
        .copy(chunks(run.first, run.count), slot(ids_.work, run.who.leader), places);
  }
  Source source(std::int32_t share) const {
    const std::int32_t level = shares_.found_at(rank_, share);
    const std::int32_t leader = shares_.leader(level, rank_, share);
    return {level, leader, shares_.highest(leader, share)};
  }
  const Peers& near(std::int32_t level) const {
    return placement_.group(level, placement_.group_of(level, rank_));
  }
  bool passes_on(const Source& source) const {
    return source.leader != rank_ && source.level > 0 && near(source.level - 1).size() > 1;
  }
  std::uint16_t told(std::int32_t level) const {
    return level == placement_.levels() ? ids_.result
                                        : ids_.passed_on[static_cast<std::size_t>(level)];
  }

  const Placement& placement_;
  const HandOutIds& ids_;
  ShareLeaders shares_;
  LaneBuilder lane_;
  std::int32_t rank_;
  std::vector<Run<Source>> runs_;
};

}  // namespace

void emit_hand_out_copy(Builder* schedule, const Placement& placement, const HandOutIds& ids,
                        const HandOutRole& role) {
  HandOutLane(schedule, placement, ids, role.root).emit(role.sends);
}

}  // namespace hfreduce::algorithms
