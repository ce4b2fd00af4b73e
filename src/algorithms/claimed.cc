// Allreduce where the ranks of a host outnumber its cores: who runs does the work. Everybody says
// that its data is there; whoever runs next when all have come reduces chunk after chunk, and
// finds, or leaves, nothing to do for the others. So a rank gets its turn once a call (a segment),
// not twice: once to come, and the second time its result is there and the next call begins.
//
// Operands are always in the order of ranks, so it does not matter who adds them up.
//
// No credits are needed: a rank stages g + 2 after all of g was done, in its own slots, which the
// others then leave alone; and it claims of g + 1 when all have come there, done with g - 1.
#include "algorithms/emitters.h"
#include "algorithms/host_pass.h"
#include "schedule/builder.h"

namespace hfreduce::algorithms {
namespace {

using namespace schedule;

// Enough for an even load on many cores; few enough to claim quickly.
constexpr std::int32_t kChunks = 32;
constexpr std::int32_t kSlots = 2;
constexpr std::uint8_t kStage = 0;

constexpr Event kArrived{0, {}}, kClaims{1, {}};

Layout bare_layout() {
  Layout layout;
  layout.chunks = kChunks;
  layout.flags = 2;
  layout.hops = 1;
  return layout;
}

}  // namespace

Layout claimed_layout(const Request&) {
  Layout layout = bare_layout();
  add_area(layout, {.slots = kSlots});
  return layout;
}

// Each rank stages its data. The sum goes back into all the slots that were read: one place for all
// ranks to read it from is less to write, but was no faster (a line is best written next by who
// read it last).
Schedule emit_claimed(const Request& request, std::int32_t rank) {
  const Placement& placement = *request.placement;
  Builder schedule(rank, claimed_layout(request));
  if (placement.ranks() == 1) return schedule.finish();
  const Peers peers = other_mates(placement, rank);
  const ChunkRange all = chunks(0, kChunks);
  Reduction sum;
  for (std::int32_t owner = 0; owner < placement.ranks(); ++owner)
    sum.sources.push_back(slot(kStage, owner));
  sum.destinations = sum.sources;
  auto lane = schedule.lane("all");
  lane.copy(all, input(rank), {slot(kStage, rank)}).signal(kArrived, peers);
  lane.skew(1)
      .wait(kArrived, peers)
      .claim(kClaims, placement.members(0), all, sum)
      .copy(all, slot(kStage, rank), {output(rank)});
  return schedule.finish();
}

Layout zero_copy_claimed_layout(const Request&) { return bare_layout(); }

// All inputs are read, and all outputs written, in place.
Schedule emit_zero_copy_claimed(const Request& request, std::int32_t rank) {
  const Placement& placement = *request.placement;
  Builder schedule(rank, zero_copy_claimed_layout(request));
  if (placement.ranks() == 1) return schedule.finish();
  const Peers peers = other_mates(placement, rank);
  Reduction sum;
  for (std::int32_t owner = 0; owner < placement.ranks(); ++owner) {
    sum.sources.push_back(input(owner));
    sum.destinations.push_back(output(owner));
  }
  schedule.lane("all")
      .offer(kArrived, peers)
      .accept(kArrived, peers)
      .claim(kClaims, placement.members(0), chunks(0, kChunks), sum);
  return schedule.finish();
}

}  // namespace hfreduce::algorithms
