// A whole allreduce over one tree: what it takes of a layout, and its two lanes.
#pragma once

#include "algorithms/tree_pass.h"

namespace hfreduce::algorithms {

struct TreeIds {
  UpIds up;
  DownIds down;
  std::uint16_t top = 0;
};

inline TreeIds reserve_tree(schedule::Layout* layout, bool any_mapped) {
  TreeIds ids;
  ids.up = reserve_up(layout);
  ids.down = reserve_down(layout, any_mapped ? kDownSlots : 0);
  ids.top = schedule::add_flag(*layout);
  return ids;
}

inline void emit_tree_part(schedule::Builder* schedule, const TreePart& part, const TreeIds& ids) {
  emit_up(schedule, part, ids.up, ids.top);
  emit_down(schedule, part, ids.down, ids.top);
}

// A node whose indices are those of a line, in ranks.
template <typename Line>
TreeNode in_ranks(TreeNode node, const Line& line) {
  if (node.parent >= 0) node.parent = line.rank_at(node.parent);
  for (std::int32_t& child : node.children)
    if (child >= 0) child = line.rank_at(child);
  return node;
}

}  // namespace hfreduce::algorithms
