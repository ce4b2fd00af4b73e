#include "algorithms/tree_pass.h"

namespace hfreduce::algorithms {
namespace {

using namespace schedule;

// How many segments a receiver asks for before the first has come, where no slots limit it.
constexpr std::int32_t kAskAhead = 3;

// Over a posted link data lands in the child's sink, over a mapped one in a slot of the child, from
// where it copies. In an allreduce a sink is ready when its owner has contributed, so only slots
// are asked for; in a broadcast everything is.
class DownLane {
 public:
  DownLane(Builder* schedule, const TreePart& part, const DownIds& ids)
      : part_(part),
        ids_(ids),
        lane_(schedule->lane(part.name + " down")),
        rank_(schedule->rank()),
        parent_(part.node.parent),
        mapped_in_(parent_ >= 0 && mapped(parent_)) {}

  void emit(std::uint16_t top) {
    const std::int32_t behind = mapped_in_ ? kDownSlots - 1 : 0;
    if (mapped_in_) lane_.signal(grant(), {parent_});
    lane_.skew(behind);
    const Place from = parent_ < 0 ? part_.ground.sink(rank_) : landing();
    if (parent_ < 0)
      lane_.wait({top, {}}, {rank_});
    else
      lane_.wait(data(part_.node.side), {parent_});
    if (part_.hooks.result) lane_.signal({*part_.hooks.result, {}}, part_.hooks.mates);
    hand_on(from, false);
    if (!part_.hooks.finished) return;
    lane_.skew(behind + 1);
    drain();
    lane_.signal({*part_.hooks.finished, {}}, {rank_});
  }

  void emit_broadcast(std::uint16_t slot_read) {
    if (parent_ < 0) {
      if (part_.origin == rank_)
        hand_on(input(rank_), true);
      else
        hand_on_for(part_.origin);
      return;
    }
    const bool in_work = part_.ground.in_work(rank_);
    const std::int32_t slots = in_work ? part_.ground.work_slots : kDownSlots;
    const std::int32_t behind = mapped_in_ || in_work ? slots - 1 : kAskAhead;
    if (in_work) {
      lane_.skew(slots);
      drain();
      lane_.skew(0).wait({slot_read, {}}, part_.hooks.mates, slots);
    }
    lane_.skew(0).signal(grant(), {parent_});
    lane_.skew(behind).wait(data(part_.node.side), {parent_});
    if (part_.hooks.result) lane_.signal({*part_.hooks.result, {}}, part_.hooks.mates);
    hand_on(landing(), true);
  }

 private:
  bool mapped(std::int32_t peer) const { return part_.ground.placement->mapped(rank_, peer); }
  Event data(std::int32_t side) const { return {ids_.data[static_cast<std::size_t>(side)], {}}; }
  Event grant() const { return {ids_.grant, {}}; }
  Place landing() const { return mapped_in_ ? slot(ids_.slots, rank_) : part_.ground.sink(rank_); }
  template <typename Visit>
  void each_child(bool over_mapped, Visit&& visit) {
    for (std::int32_t side = 0; side < 2; ++side) {
      const std::int32_t child = part_.node.children[static_cast<std::size_t>(side)];
      if (child >= 0 && mapped(child) == over_mapped) visit(side, child);
    }
  }

  // From `from` to the own sink, if it is not there yet, and to the children.
  void hand_on(const Place& from, bool ask_always) {
    Places copies;
    Peers near;
    if (mapped_in_) copies.push_back(part_.ground.sink(rank_));
    each_child(true, [&](std::int32_t, std::int32_t child) {
      copies.push_back(slot(ids_.slots, child));
      near.push_back(child);
    });
    lane_.wait(grant(), near);
    if (!copies.empty()) lane_.copy(part_.chunks, from, copies);
    each_child(true,
               [&](std::int32_t side, std::int32_t child) { lane_.signal(data(side), {child}); });
    const Place lasting = mapped_in_ ? part_.ground.sink(rank_) : from;
    each_child(false, [&](std::int32_t side, std::int32_t child) {
      if (ask_always) lane_.wait(grant(), {child});
      lane_.put(data(side), part_.chunks, lasting, part_.ground.sink(child));
    });
  }

  // `hooks.finished` tells that the segment before has left that rank's slot.
  void hand_on_for(std::int32_t origin) {
    lane_.wait({*part_.hooks.result, {}}, {origin});
    hand_on(part_.ground.work_slot(origin), true);
    lane_.skew(1);
    drain();
    lane_.signal({*part_.hooks.finished, {}}, {rank_});
  }

  void drain() {
    each_child(false,
               [&](std::int32_t side, std::int32_t child) { lane_.drain(data(side), child); });
  }

  const TreePart& part_;
  const DownIds& ids_;
  LaneBuilder lane_;
  std::int32_t rank_, parent_;
  bool mapped_in_;
};

}  // namespace

DownIds reserve_down(Layout* layout, std::int32_t slots) {
  DownIds ids;
  for (std::uint16_t& flag : ids.data) flag = add_flag(*layout);
  ids.grant = add_flag(*layout);
  if (slots > 0)
    ids.slots = add_area(*layout, {.slots = slots, .unit = Area::Unit::kChunk, .chunks = 1});
  return ids;
}

void emit_down(Builder* schedule, const TreePart& part, const DownIds& ids, std::uint16_t top) {
  DownLane(schedule, part, ids).emit(top);
}

void emit_broadcast(Builder* schedule, const TreePart& part, const DownIds& ids,
                    std::uint16_t slot_read) {
  DownLane(schedule, part, ids).emit_broadcast(slot_read);
}

}  // namespace hfreduce::algorithms
