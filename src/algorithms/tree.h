// Tree shapes as pure functions on indices 0 .. size-1.
#pragma once

#include <array>
#include <cstdint>

namespace hfreduce::algorithms {

struct TreeNode {
  std::int32_t parent = -1;  // -1: the root
  std::int32_t side = 0;     // which child of its parent this is
  std::array<std::int32_t, 2> children = {-1, -1};
};

// The two complementary in-order trees of a double binary tree (which = 0 or 1): a node that has
// children in one has none in the other.
TreeNode double_tree_node(std::int32_t which, std::int32_t index, std::int32_t size);
// A binary tree under index 0, for broadcasts; subtrees are ranges of indices.
TreeNode rooted_tree_node(std::int32_t index, std::int32_t size);
// Each hands on to the next.
TreeNode chain_node(std::int32_t index, std::int32_t size);
// The most edges between the root of a double tree and a leaf.
std::int32_t double_tree_depth(std::int32_t size);

}  // namespace hfreduce::algorithms
