#include "algorithms/tree_pass.h"

namespace hfreduce::algorithms {
namespace {

using namespace schedule;

constexpr std::int32_t kSlots = 2;  // one being summed and sent on while the other fills

}  // namespace

UpIds reserve_up(Layout* layout) {
  UpIds ids;
  ids.data = add_flag(*layout);
  ids.credit = add_flag(*layout);
  for (std::uint8_t& area : ids.slots)
    area = add_area(*layout, {.slots = kSlots, .unit = Area::Unit::kChunk, .chunks = 1});
  return ids;
}

// Operands are combined left child, own, right child. Roles never change, so a parent's credits of
// earlier calls count in later ones.
void emit_up(Builder* schedule, const TreePart& part, const UpIds& ids, std::uint16_t top) {
  const std::int32_t rank = schedule->rank(), parent = part.node.parent;
  const Event data{ids.data, {}}, credit{ids.credit, {}};
  Peers children;
  Places operands;
  for (std::size_t side = 0; side < 2; ++side) {
    if (side == 1) operands.push_back(part.ground.source(rank));
    if (part.node.children[side] < 0) continue;
    children.push_back(part.node.children[side]);
    operands.push_back(slot(ids.slots[side], rank));
  }
  auto lane = schedule->lane(part.name + " up");
  if (part.hooks.ready) lane.wait({*part.hooks.ready, {}}, {rank});
  lane.wait(data, children);
  if (parent < 0) {
    lane.complete(part.chunks, operands, {part.ground.sink(rank)})
        .signal({top, {}}, {rank})
        .signal(credit, children);
    return;
  }
  const Place theirs = slot(ids.slots[static_cast<std::size_t>(part.node.side)], parent);
  if (children.empty()) {
    lane.wait(credit, {parent}, kSlots).put(data, part.chunks, operands.front(), theirs);
  } else if (part.ground.placement->mapped(rank, parent)) {
    lane.wait(credit, {parent}, kSlots)
        .reduce(part.chunks, operands, {theirs})
        .signal(data, {parent})
        .signal(credit, children);
  } else {
    // The sum travels from the slot of the left child's data.
    lane.reduce(part.chunks, operands, {operands.front()})
        .wait(credit, {parent}, kSlots)
        .put(data, part.chunks, operands.front(), theirs);
    lane.skew(1).drain(data, parent).signal(credit, children);
  }
}

}  // namespace hfreduce::algorithms
