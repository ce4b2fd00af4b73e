// Allreduce in three phases that overlap segment by segment: the ranks of a host stage their data
// and its leaders sum it; the leaders of all hosts run a ring or a double tree on those sums; every
// rank copies the result out of its leaders' slots. A byte crosses each host's network once up and
// once down. With several leaders a host, the j-th leaders of all hosts share the j-th part of the
// data and run an inter-host part of their own. A rank that is alone on its host takes part with
// its own buffers.
#include <algorithm>
#include <array>

#include "algorithms/emitters.h"
#include "algorithms/host_pass.h"
#include "algorithms/line.h"
#include "algorithms/ring_pass.h"
#include "algorithms/tree_channel.h"

namespace hfreduce::algorithms {
namespace {

using namespace schedule;

// What the inter-host part's two lanes tell the lanes inside the host.
struct LaneFlags {
  std::uint16_t result = 0, finished = 0;
};

struct Channel {
  Layout layout;
  HostSumIds host;
  std::array<LaneFlags, 2> lanes;
  std::array<RingIds, 2> rings;
  std::array<TreeIds, 2> trees;
  std::int32_t share = 1;  // chunks a leader
};

enum class Between { kRing, kTree };

Channel channel(const Request& request, Between between) {
  const Placement& placement = *request.placement;
  Channel channel;
  std::int32_t hops = 0;
  if (placement.most_local() > 1) {
    channel.host = reserve_host_sum(&channel.layout, placement);
    hops = 1 + placement.levels();
  }
  if (placement.hosts() > 1) {
    channel.share = between == Between::kRing ? 2 * placement.hosts() : 2;
    hops +=
        between == Between::kRing ? placement.hosts() - 1 : double_tree_depth(placement.hosts());
    for (std::size_t i = 0; i < 2; ++i) {
      if (between == Between::kRing)
        channel.rings[i] = reserve_ring(&channel.layout);
      else
        channel.trees[i] = reserve_tree(&channel.layout, false);
      channel.lanes[i] = {add_flag(channel.layout), add_flag(channel.layout)};
    }
  }
  channel.layout.chunks = channel.share * request.leaders;
  channel.layout.hops = static_cast<std::uint8_t>(std::min(255, hops));
  return channel;
}

// Names, chunks and ends of lane `i` of the part between the hosts' `which`-th leaders.
template <typename Part>
Part inter_host_part(const Request& request, const Channel& channel, std::int32_t rank,
                     std::size_t i) {
  Part part;
  part.ground = {request.placement, channel.host.work, kWorkSlots};
  if (!part.ground.in_work(rank)) return part;
  part.hooks.ready = channel.host.summed.back();
  part.hooks.result = channel.lanes[i].result;
  part.hooks.finished = channel.lanes[i].finished;
  // Groups get it from this rank, not from its work slot.
  part.hooks.mates =
      request.placement->levels() > 0 ? Peers{rank} : mates(*request.placement, rank);
  return part;
}

// Returns the flags that these lanes raise when they have done with a work slot.
std::vector<std::uint16_t> emit_between(Builder* schedule, const Request& request,
                                        const Channel& channel, Between between) {
  const std::int32_t rank = schedule->rank();
  std::vector<std::uint16_t> finished;
  const std::int32_t which = led_by(*request.placement, rank, request.leaders);
  if (which < 0 || request.placement->hosts() == 1) return finished;
  const LeaderLine line(*request.placement, which);
  const std::int32_t index = line.index_of(rank), size = line.size();
  for (std::int32_t i = 0; i < 2; ++i) {
    const auto lane = static_cast<std::size_t>(i);
    const std::int32_t first = which * channel.share + i * (channel.share / 2);
    if (between == Between::kRing) {
      auto part = inter_host_part<RingPart>(request, channel, rank, lane);
      part.name = "ring " + std::to_string(i);
      part.size = size;
      part.index = index;
      part.previous = line.rank_at((index + size - 1) % size);
      part.next = line.rank_at((index + 1) % size);
      part.first_chunk = first;
      part.ids = channel.rings[lane];
      if (part.hooks.finished) finished.push_back(*part.hooks.finished);
      emit_ring_part(schedule, part);
    } else {
      auto part = inter_host_part<TreePart>(request, channel, rank, lane);
      part.name = "tree " + std::to_string(i);
      part.node = in_ranks(double_tree_node(i, index, size), line);
      part.chunks = chunks(first, 1);
      // A leaf hands nothing on: when it has the result, it has done.
      if (part.node.children[0] < 0) part.hooks.finished.reset();
      if (part.hooks.finished) finished.push_back(*part.hooks.finished);
      emit_tree_part(schedule, part, channel.trees[lane]);
    }
  }
  return finished;
}

Schedule emit(const Request& request, std::int32_t rank, Between between) {
  const Placement& placement = *request.placement;
  const Channel own = channel(request, between);
  Builder schedule(rank, own.layout);
  HostSum host{&placement, request.leaders, own.share, own.host, {}, {}};
  host.finished = emit_between(&schedule, request, own, between);
  if (placement.hosts() > 1)
    for (const LaneFlags& lane : own.lanes) host.results.push_back(lane.result);
  if (mates(placement, rank).size() > 1) emit_host_sum(&schedule, host);
  return schedule.finish();
}

}  // namespace

Layout hierarchical_ring_layout(const Request& request) {
  return channel(request, Between::kRing).layout;
}
Schedule emit_hierarchical_ring(const Request& request, std::int32_t rank) {
  return emit(request, rank, Between::kRing);
}
Layout hierarchical_tree_layout(const Request& request) {
  return channel(request, Between::kTree).layout;
}
Schedule emit_hierarchical_tree(const Request& request, std::int32_t rank) {
  return emit(request, rank, Between::kTree);
}

}  // namespace hfreduce::algorithms
