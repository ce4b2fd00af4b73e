// One host, and buffers that all ranks concerned have mapped, or of a broadcast can read: nothing
// is staged. Everybody says where its buffers are, and that they may be used; everybody says when
// it has done with them.
//
// No credits are needed: who raises `offered` for the next call has seen everybody's `done` of this
// one.
#include "algorithms/emitters.h"
#include "algorithms/host_pass.h"
#include "schedule/builder.h"

namespace hfreduce::algorithms {
namespace {

using namespace schedule;

constexpr Event kOffered{0, {}}, kDone{1, {}};

Layout layout_of(std::int32_t chunks, std::uint8_t hops) {
  Layout layout;
  layout.chunks = chunks;
  layout.flags = 2;
  layout.hops = hops;
  return layout;
}

}  // namespace

Layout zero_copy_layout(const Request& request) { return layout_of(request.placement->ranks(), 1); }

// Each rank reduces its chunk of all inputs into all outputs: each input is read once, each output
// written once.
Schedule emit_zero_copy(const Request& request, std::int32_t rank) {
  const Placement& placement = *request.placement;
  Builder schedule(rank, zero_copy_layout(request));
  if (placement.ranks() == 1) return schedule.finish();
  const Peers peers = other_mates(placement, rank);
  Places inputs, outputs;
  for (std::int32_t owner = 0; owner < placement.ranks(); ++owner) {
    inputs.push_back(input(owner));
    outputs.push_back(output(owner));
  }
  schedule.lane("all")
      .offer(kOffered, peers)
      .accept(kOffered, peers)
      .complete(chunks(rank, 1), inputs, outputs)
      .signal(kDone, peers)
      .wait(kDone, peers);
  return schedule.finish();
}

Layout zero_copy_shared_layout(const Request& request) {
  return layout_of(request.placement->ranks(), 0);
}

// Each rank copies its chunk of the root's input into all outputs: the input is read once, each
// output written once, and the root works, too. Its own output, which need not be mapped, is its
// own affair.
Schedule emit_zero_copy_shared(const Request& request, std::int32_t rank) {
  const Placement& placement = *request.placement;
  Builder schedule(rank, zero_copy_shared_layout(request));
  if (placement.ranks() == 1) return schedule.finish();
  const std::int32_t root = request.root;
  const Peers peers = other_mates(placement, rank);
  Places outputs;
  for (std::int32_t owner = 0; owner < placement.ranks(); ++owner)
    if (owner != root) outputs.push_back(output(owner));
  auto lane = schedule.lane("all");
  lane.offer(kOffered, peers)
      .accept(kOffered, peers)
      .copy(chunks(rank, 1), input(root), outputs)
      .signal(kDone, peers);
  if (rank == root) lane.copy(chunks(0, placement.ranks()), input(rank), {output(rank)});
  lane.wait(kDone, peers);
  return schedule.finish();
}

Layout zero_copy_broadcast_layout(const Request&) { return layout_of(1, 0); }

// Everybody copies from the root's input; only that has to be mapped, or readable.
Schedule emit_zero_copy_broadcast(const Request& request, std::int32_t rank) {
  const Placement& placement = *request.placement;
  Builder schedule(rank, zero_copy_broadcast_layout(request));
  if (placement.ranks() == 1) return schedule.finish();
  const std::int32_t root = request.root;
  auto lane = schedule.lane("all");
  if (rank == root) {
    const Peers peers = other_mates(placement, rank);
    lane.offer(kOffered, peers).copy(chunks(0, 1), input(rank), {output(rank)}).wait(kDone, peers);
  } else {
    lane.accept(kOffered, {root})
        .copy(chunks(0, 1), input(root), {output(rank)})
        .signal(kDone, {root});
  }
  return schedule.finish();
}

}  // namespace hfreduce::algorithms
