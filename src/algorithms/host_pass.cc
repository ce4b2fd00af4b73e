#include "algorithms/host_pass.h"

#include <algorithm>

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
        mates_(mates(*host.placement, rank_)),
        others_(other_mates(*host.placement, rank_)),
        leaders_(mates_.begin(), mates_.begin() + host.leaders) {
    for (const std::int32_t leader : leaders_)
      if (leader != rank_) other_leaders_.push_back(leader);
  }

  void emit_in() {
    auto lane = schedule_->lane("in");
    lane.wait({host_.ids.summed, {}}, other_leaders_, kStageSlots);
    for (std::int32_t which = 0; which < host_.leaders; ++which)
      if (leader(which) != rank_)
        lane.stage(share(which), input(rank_), slot(host_.ids.stage, rank_));
    lane.signal({host_.ids.staged, {}}, other_leaders_);
    const std::int32_t which = host_.placement->local_rank(rank_);
    if (which >= host_.leaders) return;

    if (host_.leaders > 1) lane.skew(1);
    Places operands;
    for (const std::int32_t mate : mates_)
      operands.push_back(mate == rank_ ? input(rank_) : slot(host_.ids.stage, mate));
    lane.wait({host_.ids.read, {}}, mates_, kWorkSlots);
    for (const std::uint16_t flag : host_.finished) lane.wait({flag, {}}, {rank_}, kWorkSlots);
    lane.wait({host_.ids.staged, {}}, others_);
    if (host_.results.empty())
      lane.complete(share(which), operands, {slot(host_.ids.work, rank_)});
    else
      lane.reduce(share(which), operands, {slot(host_.ids.work, rank_)});
    lane.signal({host_.ids.summed, {}}, mates_);
  }

  void emit_out() {
    auto lane = schedule_->lane("out");
    for (std::int32_t which = 0; which < host_.leaders; ++which) {
      if (host_.results.empty()) lane.wait({host_.ids.summed, {}}, {leader(which)});
      for (const std::uint16_t flag : host_.results) lane.wait({flag, {}}, {leader(which)});
      lane.copy(share(which), slot(host_.ids.work, leader(which)), {output(rank_)});
    }
    lane.signal({host_.ids.read, {}}, leaders_);
  }

 private:
  std::int32_t leader(std::int32_t which) const {
    return leaders_[static_cast<std::size_t>(which)];
  }
  ChunkRange share(std::int32_t which) const { return chunks(which * host_.share, host_.share); }

  Builder* schedule_;
  const HostSum& host_;
  std::int32_t rank_;
  const Peers& mates_;
  Peers others_, leaders_, other_leaders_;
};

}  // namespace

const Peers& mates(const Placement& placement, std::int32_t rank) {
  return placement.members(placement.host_of(rank));
}

Peers other_mates(const Placement& placement, std::int32_t rank) {
  Peers peers = mates(placement, rank);
  std::erase(peers, rank);
  return peers;
}

HostSumIds reserve_host_sum(Layout* layout) {
  HostSumIds ids;
  ids.stage = add_area(*layout, {.slots = kStageSlots});
  ids.work = add_area(*layout, {.slots = kWorkSlots});
  ids.staged = add_flag(*layout);
  ids.summed = add_flag(*layout);
  ids.read = add_flag(*layout);
  return ids;
}

void emit_host_sum(Builder* schedule, const HostSum& host) {
  HostSumLanes lanes(schedule, host);
  lanes.emit_in();
  lanes.emit_out();
}

HandOutIds reserve_hand_out(Layout* layout, bool one_host) {
  HandOutIds ids;
  ids.result = add_flag(*layout);
  ids.work = add_area(*layout, {.slots = kWorkSlots, .flag = one_host ? ids.result : -1});
  ids.sent = add_flag(*layout);
  ids.read = add_flag(*layout);
  return ids;
}

void emit_hand_out_root(Builder* schedule, const Placement& placement, const HandOutIds& ids,
                        ChunkRange all) {
  const std::int32_t rank = schedule->rank();
  const Peers others = other_mates(placement, rank);
  if (others.empty()) return;
  schedule->lane("hand out")
      .wait({ids.read, {}}, others, kWorkSlots)
      .stage(all, input(rank), slot(ids.work, rank))
      .signal({ids.result, {}}, others)
      .signal({ids.read, {}}, mates(placement, rank));
}

void emit_hand_out_copy(Builder* schedule, const Placement& placement, const HandOutIds& ids,
                        const std::vector<HandOut>& parts, bool sends) {
  const std::int32_t rank = schedule->rank();
  auto lane = schedule->lane("out");
  for (const HandOut& part : parts)
    lane.wait({ids.result, {}}, {part.leader})
        .copy(part.chunks, slot(ids.work, part.leader), {output(rank)});
  if (sends) lane.skew(1).wait({ids.sent, {}}, {rank});
  lane.signal({ids.read, {}}, mates(placement, rank));
}

}  // namespace hfreduce::algorithms
