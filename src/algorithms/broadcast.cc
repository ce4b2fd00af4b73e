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

Channel hierarchical_channel(const Request& request) {
  const Placement& placement = *request.placement;
  Channel channel;
  if (placement.hosts() > 1) channel.layout.chunks = request.leaders;
  if (placement.most_local() > 1)
    channel.hand_out = reserve_hand_out(&channel.layout, placement, kWorkSlots);
  if (placement.hosts() > 1) channel.down = reserve_down(&channel.layout, 0);
  return channel;
}

// Every rank has the result in its output, the root too; in place this does nothing.
void emit_own_output(Builder* schedule, const Request& request, ChunkRange all) {
  const std::int32_t rank = schedule->rank();
  if (rank != request.root || request.placement->ranks() == 1) return;
  schedule->lane("own").copy(all, input(rank), {output(rank)});
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
  part.origin = request.root;
  emit_broadcast(&schedule, part, channel.down, 0);
  emit_own_output(&schedule, request, chunks(0, 1));
  return schedule.finish();
}

// The line's part between hosts, on the ranks that lead it.
void emit_line(Builder* schedule, const Request& request, const Channel& channel,
               std::int32_t which, Shape shape) {
  const Placement& placement = *request.placement;
  const std::int32_t rank = schedule->rank();
  const auto line = LeaderLine::from_root(placement, request.root, which, request.leaders);
  if (!line.leads(rank)) return;
  TreePart part;
  part.name = "data";
  part.node = in_ranks(shape(line.index_of(rank), line.size()), line);
  part.chunks = chunks(which, 1);
  part.ground.placement = &placement;
  part.origin = request.root;
  if (channel.hand_out) {
    part.ground.work = channel.hand_out->work;
    part.ground.work_slots = kWorkSlots;
    part.hooks.mates = readers_of(placement, *channel.hand_out, rank);
    part.hooks.mates.push_back(rank);
    part.hooks.finished = channel.hand_out->sent;
    if (part.ground.in_work(rank)) part.hooks.result = channel.hand_out->result;
  }
  emit_broadcast(schedule, part, channel.down, channel.hand_out ? channel.hand_out->read : 0);
}

// Between the leaders of the hosts, each line with its share of the data: a leader receives in its
// work slots, and the ranks of a host copy from there. On the root's host all find everything in
// the root's slots, the leaders of the other lines too, who send from there.
Schedule emit_hierarchical(const Request& request, std::int32_t rank, Shape shape) {
  const Placement& placement = *request.placement;
  const Channel channel = hierarchical_channel(request);
  const ChunkRange all = chunks(0, channel.layout.chunks);
  Builder schedule(rank, channel.layout);
  if (placement.hosts() > 1)
    for (std::int32_t which = 0; which < request.leaders; ++which)
      emit_line(&schedule, request, channel, which, shape);
  emit_own_output(&schedule, request, all);
  if (mates(placement, rank).size() == 1) return schedule.finish();
  if (rank == request.root) {
    emit_hand_out_root(&schedule, placement, *channel.hand_out);
    return schedule.finish();
  }
  bool sends = false;
  for (std::int32_t which = 0; which < request.leaders && placement.hosts() > 1; ++which)
    sends |= placement.mapped(rank, request.root) &&
             LeaderLine::from_root(placement, request.root, which, request.leaders).leads(rank);
  emit_hand_out_copy(&schedule, placement, *channel.hand_out, {request.root, sends});
  return schedule.finish();
}

}  // namespace

Layout chain_layout(const Request& request) { return flat_channel(*request.placement).layout; }
Schedule emit_chain(const Request& request, std::int32_t rank) {
  return emit_flat(request, rank, chain_node);
}
Layout tree_layout(const Request& request) { return flat_channel(*request.placement).layout; }
Schedule emit_tree(const Request& request, std::int32_t rank) {
  return emit_flat(request, rank, rooted_tree_node);
}

Layout hierarchical_chain_layout(const Request& request) {
  return hierarchical_channel(request).layout;
}
Schedule emit_hierarchical_chain(const Request& request, std::int32_t rank) {
  return emit_hierarchical(request, rank, chain_node);
}
Layout hierarchical_tree_broadcast_layout(const Request& request) {
  return hierarchical_channel(request).layout;
}
Schedule emit_hierarchical_tree_broadcast(const Request& request, std::int32_t rank) {
  return emit_hierarchical(request, rank, rooted_tree_node);
}

}  // namespace hfreduce::algorithms
