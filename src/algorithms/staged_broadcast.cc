// Broadcasts inside a host through the root's slots: it writes, everyone reads.
//
// The root runs ahead by as many segments as there are slots. Every rank says of every iteration
// that it has done with it, the root too: so no credit is missing when another rank becomes the
// root, and what was seen of it once lasts for a whole turn of the ring.
#include "algorithms/emitters.h"
#include "algorithms/host_pass.h"
#include "schedule/builder.h"

namespace hfreduce::algorithms {
namespace {

using namespace schedule;

constexpr std::uint8_t kStage = 0;
constexpr std::int32_t kEagerSlots = 64;
// Their lines should have left the reader's first cache before the root writes there again, and
// not yet everyone's.
constexpr std::int32_t kDirectSlots = 32;

struct Ids {
  Layout layout;
  Event staged, read;
};

Ids ids_of(std::int32_t slots, bool carries_flag) {
  Ids ids;
  ids.staged = {add_flag(ids.layout), {}};
  ids.read = {add_flag(ids.layout), {}};
  add_area(ids.layout, {.slots = slots, .flag = carries_flag ? ids.staged.flag : -1});
  return ids;
}

Schedule emit(const Request& request, std::int32_t rank, const Ids& ids) {
  const Placement& placement = *request.placement;
  const std::int32_t root = request.root;
  Builder schedule(rank, ids.layout);
  if (placement.ranks() == 1) return schedule.finish();
  const Peers others = other_mates(placement, rank);
  auto lane = schedule.lane("all");
  if (rank == root) {
    lane.wait(ids.read, others, ids.layout.areas[kStage].slots)
        .stage(chunks(0, 1), input(rank), slot(kStage, rank))
        .signal(ids.staged, others)
        .signal(ids.read, others)
        .copy(chunks(0, 1), input(rank), {output(rank)});
  } else {
    lane.wait(ids.staged, {root})
        .copy(chunks(0, 1), slot(kStage, root), {output(rank)})
        .signal(ids.read, others);
  }
  return schedule.finish();
}

}  // namespace

Layout eager_layout(const Request&) { return ids_of(kEagerSlots, true).layout; }
Schedule emit_eager(const Request& request, std::int32_t rank) {
  return emit(request, rank, ids_of(kEagerSlots, true));
}

Layout direct_layout(const Request&) { return ids_of(kDirectSlots, false).layout; }
Schedule emit_direct(const Request& request, std::int32_t rank) {
  return emit(request, rank, ids_of(kDirectSlots, false));
}

}  // namespace hfreduce::algorithms
