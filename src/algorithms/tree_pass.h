// One binary tree: data summed on its way up, or handed on on its way down. A lane each.
#pragma once

#include <array>
#include <string>

#include "algorithms/ground.h"
#include "algorithms/tree.h"

namespace hfreduce::algorithms {

struct UpIds {
  std::uint16_t data = 0, credit = 0;
  std::array<std::uint8_t, 2> slots = {0, 0};  // what the left and the right child send
};
struct DownIds {
  std::array<std::uint16_t, 2> data = {0, 0};  // to the left and the right child
  std::uint16_t grant = 0;
  std::uint8_t slots = 0;
};
UpIds reserve_up(schedule::Layout* layout);
// `slots`: 0 when no edge of the tree is mapped.
DownIds reserve_down(schedule::Layout* layout, std::int32_t slots);
constexpr std::int32_t kDownSlots = 3;

struct TreePart {
  std::string name;
  TreeNode node;  // in ranks
  schedule::ChunkRange chunks;
  Ground ground;
  Hooks hooks;
  // A broadcast's root of the tree: whose work slots it sends from once that rank has raised
  // hooks.result; itself: from its input.
  std::int32_t origin = -1;
};

// Raises `top` for itself on the root when the sum is complete in its sink.
void emit_up(schedule::Builder* schedule, const TreePart& part, const UpIds& ids,
             std::uint16_t top);
// The root hands out its sink once `top` is raised.
void emit_down(schedule::Builder* schedule, const TreePart& part, const DownIds& ids,
               std::uint16_t top);
// Roots and roles may change from call to call: nothing is sent that
// the receiver has not asked for in the same call. `slot_read` (with work slots): raised by every
// rank of a host at every iteration, whatever its role, when it has done with that work slot.
void emit_broadcast(schedule::Builder* schedule, const TreePart& part, const DownIds& ids,
                    std::uint16_t slot_read);

}  // namespace hfreduce::algorithms
