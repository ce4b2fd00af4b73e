// Flat double binary tree allreduce over any mix of links: each tree sums and hands out half of the
// data, up and down in lanes of their own.
#include <array>

#include "algorithms/emitters.h"
#include "algorithms/line.h"
#include "algorithms/tree_channel.h"

namespace hfreduce::algorithms {
namespace {

using namespace schedule;

struct Channel {
  Layout layout;
  std::array<TreeIds, 2> trees;
};

Channel channel(const Placement& placement) {
  Channel channel;
  channel.layout.chunks = 2;
  channel.layout.hops = static_cast<std::uint8_t>(double_tree_depth(placement.ranks()));
  const bool any_mapped = placement.most_local() > 1;
  for (TreeIds& tree : channel.trees) tree = reserve_tree(&channel.layout, any_mapped);
  return channel;
}

}  // namespace

Layout double_tree_layout(const Request& request) { return channel(*request.placement).layout; }

Schedule emit_double_tree(const Request& request, std::int32_t rank) {
  const FlatLine line(*request.placement);
  const Channel own = channel(*request.placement);
  Builder schedule(rank, own.layout);
  if (line.size() == 1) return schedule.finish();
  TreePart part;
  part.ground.placement = request.placement;
  for (std::int32_t which = 0; which < 2; ++which) {
    part.node = in_ranks(double_tree_node(which, line.index_of(rank), line.size()), line);
    part.name = "tree " + std::to_string(which);
    part.chunks = chunks(which, 1);
    emit_tree_part(&schedule, part, own.trees[static_cast<std::size_t>(which)]);
  }
  return schedule.finish();
}

}  // namespace hfreduce::algorithms
