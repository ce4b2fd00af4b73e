// On one host whose ranks form groups (Placement), for example by cache. Allreduce: each rank
// answers for a share of the data, for the host and for its groups. Broadcast: the ranks of each
// group fetch a share each from the root, and copy the others from one another.
#include <algorithm>

#include "algorithms/emitters.h"
#include "algorithms/host_pass.h"

namespace hfreduce::algorithms {
namespace {

using namespace schedule;

HostSum host_sum(const Placement& placement, Layout* layout) {
  layout->chunks = placement.ranks();
  layout->hops = static_cast<std::uint8_t>(placement.levels() + 1);
  return {&placement, placement.ranks(), 1, reserve_host_sum(layout, placement), {}, {}};
}

// So that the root runs ahead.
constexpr std::int32_t kHandOutSlots = 8;

HandOutIds hand_out(const Placement& placement, Layout* layout) {
  for (std::int32_t group = 0; group < placement.groups(0); ++group)
    layout->chunks =
        std::max(layout->chunks, static_cast<std::int32_t>(placement.group(0, group).size()));
  return reserve_hand_out(layout, placement, kHandOutSlots);
}

}  // namespace

Layout grouped_layout(const Request& request) {
  Layout layout;
  host_sum(*request.placement, &layout);
  return layout;
}

Schedule emit_grouped(const Request& request, std::int32_t rank) {
  Layout layout;
  const HostSum host = host_sum(*request.placement, &layout);
  Builder schedule(rank, layout);
  if (request.placement->ranks() > 1) emit_host_sum(&schedule, host);
  return schedule.finish();
}

Layout grouped_broadcast_layout(const Request& request) {
  Layout layout;
  hand_out(*request.placement, &layout);
  return layout;
}

Schedule emit_grouped_broadcast(const Request& request, std::int32_t rank) {
  const Placement& placement = *request.placement;
  Layout layout;
  const HandOutIds ids = hand_out(placement, &layout);
  Builder schedule(rank, layout);
  if (placement.ranks() == 1) return schedule.finish();
  if (rank == request.root) {
    schedule.lane("own").copy(chunks(0, layout.chunks), input(rank), {output(rank)});
    emit_hand_out_root(&schedule, placement, ids);
  } else {
    emit_hand_out_copy(&schedule, placement, ids, {request.root, false});
  }
  return schedule.finish();
}

}  // namespace hfreduce::algorithms
