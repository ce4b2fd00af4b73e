// The double binary tree of Sanders, Speck and Traff, "Two-tree algorithms for full bandwidth
// broadcast, reduction and scan" (2009), which NCCL 2.4 made popular.
//
// Tree 0 is in order over positions 1 .. n: a position's level is its lowest set bit, so odd
// positions are leaves and even ones have children. n = 10:
//
//                        8
//                4 -------------- 10
//            2 ------ 6          9
//          1   3    5   7
//
// Tree 1 is the same with every position's parity turned over: mirrored (position n + 1 - p) when n
// is even, shifted by one when it is odd. So whoever is an inner node here is a leaf there, each
// rank sends and receives each half of the data once up and once down, and all links are used both
// ways. n = 10, tree 1:
//
//                        3
//                1 -------------- 7
//                  2         5 ------ 9
//                          4   6    8   10
#include "algorithms/tree.h"

#include <algorithm>
#include <bit>

namespace hfreduce::algorithms {
namespace {

std::int32_t lowest_bit(std::int32_t position) { return position & -position; }

// The inner position that stands above all of 1 .. count.
std::int32_t top_of(std::int32_t count) {
  return static_cast<std::int32_t>(std::bit_floor(static_cast<std::uint32_t>(count)));
}

std::int32_t parent_of(std::int32_t position, std::int32_t size) {
  // The complete tree's parent may lie beyond the last position; then its own is asked.
  while (position != top_of(size)) {
    const std::int32_t bit = lowest_bit(position);
    position = (position - bit) | (bit << 1);
    if (position <= size) return position;
  }
  return 0;
}

TreeNode in_order_node(std::int32_t index, std::int32_t size) {
  const std::int32_t position = index + 1;
  TreeNode node;
  const std::int32_t parent = parent_of(position, size);
  node.parent = parent - 1;
  node.side = position < parent ? 0 : 1;
  const std::int32_t bit = lowest_bit(position);
  if (bit > 1) {
    node.children[0] = position - bit / 2 - 1;
    const std::int32_t right = std::min(bit - 1, size - position);
    if (right > 0) node.children[1] = position + top_of(right) - 1;
  }
  return node;
}

template <typename Map>
TreeNode renamed(TreeNode node, Map&& map) {
  if (node.parent >= 0) node.parent = map(node.parent);
  for (std::int32_t& child : node.children)
    if (child >= 0) child = map(child);
  return node;
}

}  // namespace

TreeNode double_tree_node(std::int32_t which, std::int32_t index, std::int32_t size) {
  if (which == 0) return in_order_node(index, size);
  if (size % 2 == 0) {
    const auto mirror = [&](std::int32_t i) { return size - 1 - i; };
    return renamed(in_order_node(mirror(index), size), mirror);
  }
  return renamed(in_order_node((index + size - 1) % size, size),
                 [&](std::int32_t i) { return (i + 1) % size; });
}

TreeNode rooted_tree_node(std::int32_t index, std::int32_t size) {
  TreeNode node;
  if (index == 0) {
    if (size > 1) node.children[0] = top_of(size - 1);
    return node;
  }
  node = renamed(in_order_node(index - 1, size - 1), [](std::int32_t i) { return i + 1; });
  if (node.parent < 0) {
    node.parent = 0;
    node.side = 0;
  }
  return node;
}

TreeNode chain_node(std::int32_t index, std::int32_t size) {
  TreeNode node;
  node.parent = index - 1;
  if (index + 1 < size) node.children[0] = index + 1;
  return node;
}

std::int32_t double_tree_depth(std::int32_t size) {
  return static_cast<std::int32_t>(std::bit_width(static_cast<std::uint32_t>(size))) - 1;
}

}  // namespace hfreduce::algorithms
