// The ranks of a group stage their data, and its leaders add it up, each for the shares that it
// leads; leaders of larger groups add up what those of its parts have, until the leaders of the
// host hold its sum. Results go back the same way: a leader writes into the slots of the leaders of
// the parts, and in the end all ranks copy from those of their innermost group. So each byte
// crosses from group to group once up and once down. Without groups the host is the only one.
#include <fmt/core.h>

#include "algorithms/host_pass.h"
#include "algorithms/share_leaders.h"

namespace hfreduce::algorithms {
namespace {

using namespace schedule;

constexpr std::int32_t kStageSlots = 2;  // one filling while the leaders read the other

class HostSumLanes {
 public:
  HostSumLanes(Builder* schedule, const HostSum& host)
      : schedule_(schedule),
        host_(host),
        rank_(schedule->rank()),
        top_(host.placement->levels()),
        shares_(*host.placement, host.shares),
        nearest_(host.placement->group(0, host.placement->group_of(0, rank_))) {
    add_each(leaders_of(0, all_runs()), &leaders_);
    other_leaders_ = without_this_rank(leaders_);
  }

  void emit() {
    emit_in();
    for (std::int32_t level = 1; level <= top_; ++level) emit_sum(level);
    for (std::int32_t level = top_; level >= 1; --level) emit_hand_down(level);
    emit_out();
  }

 private:
  using Runs = std::vector<Run<Peers>>;

  void emit_in() {
    auto lane = schedule_->lane("in");
    lane.wait({summed(0), {}}, other_leaders_, kStageSlots);
    const auto by_leader =
        runs_of(host_.shares, [&](std::int32_t share) { return leader(0, share); });
    for (const auto& run : by_leader)
      if (run.who != rank_) lane.stage(range(run), input(rank_), slot(host_.ids.stage, rank_));
    lane.signal({host_.ids.staged, {}}, other_leaders_);
    if (std::find(leaders_.begin(), leaders_.end(), rank_) == leaders_.end()) return;

    if (leaders_.size() > 1) lane.skew(1);
    Places operands;
    for (const std::int32_t mate : nearest_)
      operands.push_back(mate == rank_ ? input(rank_) : slot(host_.ids.stage, mate));
    lane.wait({host_.ids.read, {}}, nearest_, kWorkSlots);
    for (const std::uint16_t flag : host_.finished) lane.wait({flag, {}}, {rank_}, kWorkSlots);
    lane.wait({host_.ids.staged, {}}, without_this_rank(nearest_));
    for (const auto& run : by_leader) {
      if (run.who != rank_) continue;
      if (top_ == 0 && host_.results.empty())
        lane.complete(range(run), operands, {work(rank_)});
      else
        lane.reduce(range(run), operands, {work(rank_)});
    }
    Peers listeners = nearest_;
    add_each(leaders_of(1, runs_led(0)), &listeners);
    lane.signal({summed(0), {}}, listeners);
  }

  // What the leaders of the parts of this rank's group have added up. If that is the result, they
  // get it in the place of what they had.
  void emit_sum(std::int32_t level) {
    const Runs runs = runs_led(level);
    if (runs.empty()) return;
    auto lane = schedule_->lane(fmt::format("sum {}", level));
    lane.wait({summed(level - 1), {}}, everyone_in(runs));
    for (const auto& run : runs) {
      const Places operands = work_of(run.who);
      if (level == top_ && host_.results.empty())
        lane.complete(range(run), operands, operands);
      else if (operands.size() > 1)
        lane.reduce(range(run), operands, {work(rank_)});
    }
    if (level == top_ && host_.results.empty()) return tell_below(&lane, level, runs);
    Peers listeners{rank_};  // the lanes between hosts
    add_each(leaders_of(level + 1, runs), &listeners);
    lane.signal({summed(level), {}}, listeners);
  }

  void emit_hand_down(std::int32_t level) {
    const bool complete_here = level == top_;
    if (complete_here && host_.results.empty()) return;
    const Runs runs = runs_led(level);
    if (runs.empty()) return;
    auto lane = schedule_->lane(fmt::format("hand down {}", level));
    if (complete_here)
      for (const std::uint16_t flag : host_.results) lane.wait({flag, {}}, {rank_});
    else
      lane.wait({handed(level + 1), {}}, leaders_of(level + 1, runs));
    for (const auto& run : runs) {
      const Places others = work_of(without_this_rank(run.who));
      if (!others.empty()) lane.copy(range(run), work(rank_), others);
    }
    tell_below(&lane, level, runs);
  }

  // That the leaders of its parts have the result.
  void tell_below(LaneBuilder* lane, std::int32_t level, const Runs& runs) {
    const auto& group = host_.placement->group(level, host_.placement->group_of(level, rank_));
    lane->signal({handed(level), {}}, level == 1 ? group : everyone_in(runs));
  }

  void emit_out() {
    auto lane = schedule_->lane("out");
    for (const auto& run :
         runs_of(host_.shares, [&](std::int32_t share) { return leader(0, share); })) {
      await_result(&lane, run);
      lane.copy(range(run), work(run.who), {output(rank_)});
    }
    lane.signal({host_.ids.read, {}}, leaders_);
  }

  void await_result(LaneBuilder* lane, const Run<std::int32_t>& run) {
    if (top_ > 0) {
      Peers handing;
      for (std::int32_t share = run.first; share < run.first + run.count; ++share)
        add_each({leader(1, share)}, &handing);
      lane->wait({handed(1), {}}, handing);
      return;
    }
    if (host_.results.empty()) lane->wait({summed(0), {}}, {run.who});
    for (const std::uint16_t flag : host_.results) lane->wait({flag, {}}, {run.who});
  }

  std::int32_t leader(std::int32_t level, std::int32_t share) const {
    return shares_.leader(level, rank_, share);
  }
  // With whom they are shared: the leaders of the parts; at level 0 this rank alone.
  Runs runs_led(std::int32_t level) const {
    Runs runs = runs_of(host_.shares, [&](std::int32_t share) {
      if (leader(level, share) != rank_) return Peers{};
      return level == 0 ? Peers{rank_} : shares_.part_leaders(level, rank_, share);
    });
    std::erase_if(runs, [](const Run<Peers>& run) { return run.who.empty(); });
    return runs;
  }
  Runs all_runs() const { return {{0, host_.shares, {}}}; }
  // Nobody where there is no such level.
  Peers leaders_of(std::int32_t level, const Runs& runs) const {
    Peers peers;
    if (level > top_) return peers;
    for (const auto& run : runs)
      for (std::int32_t share = run.first; share < run.first + run.count; ++share)
        add_each({leader(level, share)}, &peers);
    return peers;
  }
  static Peers everyone_in(const Runs& runs) {
    Peers peers;
    for (const auto& run : runs) add_each(run.who, &peers);
    return peers;
  }
  Peers without_this_rank(Peers peers) const {
    std::erase(peers, rank_);
    return peers;
  }
  Place work(std::int32_t owner) const { return slot(host_.ids.work, owner); }
  Places work_of(const Peers& owners) const {
    Places places;
    for (const std::int32_t owner : owners) places.push_back(work(owner));
    return places;
  }
  std::uint16_t summed(std::int32_t level) const {
    return host_.ids.summed[static_cast<std::size_t>(level)];
  }
  std::uint16_t handed(std::int32_t level) const {
    return host_.ids.handed[static_cast<std::size_t>(level) - 1];
  }
  template <typename Who>
  ChunkRange range(const Run<Who>& run) const {
    return chunks(run.first * host_.share, run.count * host_.share);
  }

  Builder* schedule_;
  const HostSum& host_;
  std::int32_t rank_, top_;
  ShareLeaders shares_;
  const Peers& nearest_;  // this rank's innermost group
  Peers leaders_, other_leaders_;
};

}  // namespace

HostSumIds reserve_host_sum(Layout* layout, const Placement& placement) {
  HostSumIds ids;
  ids.stage = add_area(*layout, {.slots = kStageSlots});
  ids.work = add_area(*layout, {.slots = kWorkSlots});
  ids.staged = add_flag(*layout);
  for (std::int32_t level = 0; level <= placement.levels(); ++level)
    ids.summed.push_back(add_flag(*layout));
  for (std::int32_t level = 1; level <= placement.levels(); ++level)
    ids.handed.push_back(add_flag(*layout));
  ids.read = add_flag(*layout);
  return ids;
}

void emit_host_sum(Builder* schedule, const HostSum& host) { HostSumLanes(schedule, host).emit(); }

}  // namespace hfreduce::algorithms
