// Allreduce among ranks that can all read each other's windows: no messages, every rank reads what
// the others staged. Operands are always in the order of ranks.
//
// No credits are needed: a rank stages iteration g + slots only after it saw everyone's signal of a
// later iteration than g, which they raised after they were done with g. How many slots that takes
// was found by the verifier: with one fewer each algorithm races.
#include "algorithms/emitters.h"
#include "algorithms/host_pass.h"
#include "schedule/builder.h"

namespace hfreduce::algorithms {
namespace {

using namespace schedule;

constexpr std::int32_t kOneShotSlots = 4;
constexpr std::int32_t kTwoShotSlots = 2;
constexpr std::int32_t kAlternatingTurn = 4;  // iterations until a slot changes hands; 1 is enough
constexpr std::uint8_t kStage = 0;            // the only area of all three

// What every rank contributes, in the order of ranks. One's own comes from the input: reading back
// what one has just staged is slow.
Places contributions(const Placement& placement, std::int32_t rank) {
  Places places;
  for (std::int32_t peer = 0; peer < placement.ranks(); ++peer)
    places.push_back(peer == rank ? input(rank) : slot(kStage, peer));
  return places;
}

Schedule alone(std::int32_t rank, const Layout& layout) { return Builder(rank, layout).finish(); }

}  // namespace

Layout one_shot_layout(const Request&) {
  Layout layout;
  add_area(layout, {.slots = kOneShotSlots, .flag = add_flag(layout)});
  layout.hops = 1;
  return layout;
}

// Each rank stages its data and reduces everybody's: one rendezvous, n reads each.
Schedule emit_one_shot(const Request& request, std::int32_t rank) {
  const Placement& placement = *request.placement;
  if (placement.ranks() == 1) return alone(rank, one_shot_layout(request));
  Builder schedule(rank, one_shot_layout(request));
  const Peers peers = other_mates(placement, rank);
  const Event staged{0, {}};
  auto lane = schedule.lane("all");
  lane.stage(chunks(0, 1), input(rank), slot(kStage, rank)).signal(staged, peers);
  lane.skew(1)
      .wait(staged, peers)
      .complete(chunks(0, 1), contributions(placement, rank), {output(rank)});
  return schedule.finish();
}

Layout alternating_layout(const Request&) {
  Layout layout;
  add_area(layout, {.slots = 2 * kAlternatingTurn});
  add_flag(layout);
  layout.hops = 1;
  return layout;
}

// One-shot for two, with slots that change hands: a rank stages its data over what it read one turn
// before. Its cache holds those lines already, so nothing is fetched, and the peer, who wrote them,
// is done with them. A turn of one iteration would be right; of four it is faster (docs/limits.md).
// All slots lie with rank 0.
Schedule emit_alternating(const Request& request, std::int32_t rank) {
  if (request.placement->ranks() == 1) return alone(rank, alternating_layout(request));
  Builder schedule(rank, alternating_layout(request));
  const Event staged{0, {}};
  const auto contribution = [rank](std::int32_t of) {
    return of == rank ? input(rank) : slot(kStage, 0, {.offset = of * kAlternatingTurn});
  };
  const std::int32_t peer = 1 - rank;
  schedule.lane("all")
      .copy(chunks(0, 1), input(rank), {slot(kStage, 0, {.offset = rank * kAlternatingTurn})})
      .signal(staged, {peer})
      .wait(staged, {peer})
      .complete(chunks(0, 1), {contribution(0), contribution(1)}, {output(rank)});
  return schedule.finish();
}

Layout two_shot_layout(const Request& request) {
  Layout layout;
  layout.chunks = request.placement->ranks();
  add_area(layout, {.slots = kTwoShotSlots});
  add_flag(layout);
  add_flag(layout);
  layout.hops = 1;
  return layout;
}

// Each rank stages its data, reduces its own chunk of everybody's, and writes the result back into
// the slots that it read: a line is next written by who read it last, which keeps it cheap.
Schedule emit_two_shot(const Request& request, std::int32_t rank) {
  const Placement& placement = *request.placement;
  const std::int32_t ranks = placement.ranks();
  if (ranks == 1) return alone(rank, two_shot_layout(request));
  Builder schedule(rank, two_shot_layout(request));
  const Peers peers = other_mates(placement, rank);
  const Event staged{0, {}}, reduced{1, {}};
  auto lane = schedule.lane("all");
  const auto move_others = [&](const Place& from, const Place& to) {
    if (rank > 0) lane.copy(chunks(0, rank), from, {to});
    if (rank + 1 < ranks) lane.copy(chunks(rank + 1, ranks - rank - 1), from, {to});
  };
  move_others(input(rank), slot(kStage, rank));
  lane.signal(staged, peers);

  Places results{output(rank)};
  for (const std::int32_t peer : peers) results.push_back(slot(kStage, peer));
  lane.skew(1)
      .wait(staged, peers)
      .complete(chunks(rank, 1), contributions(placement, rank), results)
      .signal(reduced, peers)
      .wait(reduced, peers);
  move_others(slot(kStage, rank), output(rank));
  return schedule.finish();
}

}  // namespace hfreduce::algorithms
