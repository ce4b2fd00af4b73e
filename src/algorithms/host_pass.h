// What happens inside a host around the inter-host part of a hierarchical algorithm. Inside a host
// all windows are mapped: ranks read each other's slots.
#pragma once

#include <cstdint>
#include <vector>

#include "algorithms/algorithm.h"
#include "algorithms/ground.h"

namespace hfreduce::algorithms {

// ---- allreduce: roles are constant, leader j of a host answers for the j-th share of the chunks.

struct HostSumIds {
  std::uint8_t stage = 0, work = 0;  // areas
  std::uint16_t staged = 0;          // a rank: its contribution is in its stage slot
  std::uint16_t summed = 0;          // a leader: the host's sum is in its work slot
  std::uint16_t read = 0;            // a rank: it has copied the results out of the work slots
};
HostSumIds reserve_host_sum(schedule::Layout* layout);
constexpr std::int32_t kWorkSlots = 3;

struct HostSum {
  const schedule::Placement* placement = nullptr;
  std::int32_t leaders = 1;
  std::int32_t share = 1;  // chunks a leader answers for
  HostSumIds ids;
  std::vector<std::uint16_t> results;   // all raised by a leader: its share is complete in its work
                                        // slot; none: the host's sum is the result
  std::vector<std::uint16_t> finished;  // all raised by a leader for itself: its inter-host lanes
                                        // have done with the work slot
};
// Lanes "in" and "out" of a rank that shares its host with others.
void emit_host_sum(schedule::Builder* schedule, const HostSum& host);

// ---- broadcast: every rank may lead, so `read` is raised by all at every iteration.

struct HandOutIds {
  std::uint8_t work = 0;
  std::uint16_t result = 0;  // a leader, or the root: its chunks are in its work slot
  std::uint16_t sent = 0;    // a leader that sends from the root's work slot, for itself: they left
  std::uint16_t read = 0;    // a rank: it has done with the work slots of its host
};
HandOutIds reserve_hand_out(schedule::Layout* layout, bool one_host);
// The root copies its input to its work slots for its mates.
void emit_hand_out_root(schedule::Builder* schedule, const schedule::Placement& placement,
                        const HandOutIds& ids, schedule::ChunkRange all);
// Where a rank finds its data.
struct HandOut {
  std::int32_t leader = 0;
  schedule::ChunkRange chunks;
};
// Everyone else copies from the leaders' work slots to the own output; `sends`: and is itself one
// that sends from the root's.
void emit_hand_out_copy(schedule::Builder* schedule, const schedule::Placement& placement,
                        const HandOutIds& ids, const std::vector<HandOut>& parts, bool sends);

// The ranks of this rank's host, with or without itself.
const schedule::Peers& mates(const schedule::Placement& placement, std::int32_t rank);
schedule::Peers other_mates(const schedule::Placement& placement, std::int32_t rank);

}  // namespace hfreduce::algorithms
