// Broadcasts: one segment follows another down a chain or a binary tree. Roots may change from call
// to call.
#include <optional>

#include "algorithms/emitters.h"
#include "algorithms/host_pass.h"
#include "algorithms/line.h"
#include "algorithms/tree_channel.h"

namespace hfreduce::algorithms {
namespace {

using namespace schedule;

using Shape = TreeNode (*)(std::int32_t index, std::int32_t size);

struct Channel {
  Layout layout;
  std::optional<HandOutIds> hand_out;
  DownIds down;
};

Channel flat_channel(const Placement& placement) {
  Channel channel;
  channel.down = reserve_down(&channel.layout, placement.most_local() > 1 ? kDownSlots : 0);
  return channel;
}

Channel hierarchical_channel(const Placement& placement) {
  Channel channel;
  if (placement.most_local() > 1) channel.hand_out = reserve_hand_out(&channel.layout);
  if (placement.hosts() > 1) channel.down = reserve_down(&channel.layout, 0);
  return channel;
}

// Every rank has the result in its output, the root too; in place this does nothing.
void emit_own_output(Builder* schedule, const Request& request) {
  const std::int32_t rank = schedule->rank();
  if (rank != request.root || request.placement->ranks() == 1) return;
  schedule->lane("own").copy(chunks(0, 1), input(rank), {output(rank)});
}

Schedule emit_flat(const Request& request, std::int32_t rank, Shape shape) {
  const FlatLine line(*request.placement, request.root);
  const Channel channel = flat_channel(*request.placement);
  Builder schedule(rank, channel.layout);
  if (line.size() == 1) return schedule.finish();
  TreePart part;
  part.name = "data";
  part.node = in_ranks(shape(line.index_of(rank), line.size()), line);
  part.ground.placement = request.placement;
  emit_broadcast(&schedule, part, channel.down, 0);
  emit_own_output(&schedule, request);
  return schedule.finish();
}

// Between the leaders of the hosts, the root for its own; a leader receives in its work slots, and
// the ranks of a host copy from there.
Schedule emit_hierarchical(const Request& request, std::int32_t rank, Shape shape) {
  const Placement& placement = *request.placement;
  const LeaderLine line = LeaderLine::from_root(placement, request.root);
  const Channel channel = hierarchical_channel(placement);
  Builder schedule(rank, channel.layout);
  if (placement.hosts() > 1 && line.leads(rank)) {
    TreePart part;
    part.name = "data";
    part.node = in_ranks(shape(line.index_of(rank), line.size()), line);
    part.ground.placement = &placement;
    if (channel.hand_out) {
      part.ground.work = channel.hand_out->work;
      part.ground.work_slots = kWorkSlots;
      part.hooks.mates = mates(placement, rank);
      if (part.ground.in_work(rank)) part.hooks.result = channel.hand_out->result;
    }
    emit_broadcast(&schedule, part, channel.down, channel.hand_out ? channel.hand_out->read : 0);
  }
  emit_own_output(&schedule, request);
  if (mates(placement, rank).size() == 1) return schedule.finish();
  if (rank == request.root)
    emit_hand_out_root(&schedule, placement, *channel.hand_out);
  else
    emit_hand_out_copy(&schedule, placement, *channel.hand_out, line.rank_at(line.index_of(rank)));
  return schedule.finish();
}

}  // namespace

// Everyone reads the root's slots.
Layout direct_layout(const Request& request) {
  return hierarchical_channel(*request.placement).layout;
}
Schedule emit_direct(const Request& request, std::int32_t rank) {
  return emit_hierarchical(request, rank, chain_node);
}

Layout chain_layout(const Request& request) { return flat_channel(*request.placement).layout; }
Schedule emit_chain(const Request& request, std::int32_t rank) {
  return emit_flat(request, rank, chain_node);
}
Layout tree_layout(const Request& request) { return flat_channel(*request.placement).layout; }
Schedule emit_tree(const Request& request, std::int32_t rank) {
  return emit_flat(request, rank, rooted_tree_node);
}

Layout hierarchical_chain_layout(const Request& request) {
  return hierarchical_channel(*request.placement).layout;
}
Schedule emit_hierarchical_chain(const Request& request, std::int32_t rank) {
  return emit_hierarchical(request, rank, chain_node);
}
Layout hierarchical_tree_broadcast_layout(const Request& request) {
  return hierarchical_channel(*request.placement).layout;
}
Schedule emit_hierarchical_tree_broadcast(const Request& request, std::int32_t rank) {
  return emit_hierarchical(request, rank, rooted_tree_node);
}

}  // namespace hfreduce::algorithms
