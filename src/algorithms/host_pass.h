// What happens inside a host around the inter-host part of a hierarchical algorithm. Inside a host
// all windows are mapped: ranks read each other's slots.
#pragma once

#include <cstdint>
#include <vector>

#include "algorithms/algorithm.h"
#include "algorithms/ground.h"
#include "algorithms/share_leaders.h"

namespace hfreduce::algorithms {

// ---- allreduce: roles are constant; who leads which share of the chunks is in share_leaders.h.

struct HostSumIds {
  std::uint8_t stage = 0, work = 0;   // areas
  std::uint16_t staged = 0;           // a rank: its contribution is in its stage slot
  std::vector<std::uint16_t> summed;  // by level of groups, the host's last. A leader: the sum of
                                      // its group is in its work slot
  std::vector<std::uint16_t> handed;  // from level 1 on. A leader: the result is in the work slots
                                      // of those who lead its parts
  std::uint16_t read = 0;  // a rank: it has copied the results out of its group's work slots
};
HostSumIds reserve_host_sum(schedule::Layout* layout, const schedule::Placement& placement);
constexpr std::int32_t kWorkSlots = 3;

struct HostSum {
  const schedule::Placement* placement = nullptr;
  std::int32_t shares = 1;
  std::int32_t share = 1;  // its chunks
  HostSumIds ids;
  std::vector<std::uint16_t> results;   // all raised by a leader: its share is complete in its work
                                        // slot; none: the host's sum is the result
  std::vector<std::uint16_t> finished;  // all raised by a leader for itself: its inter-host lanes
                                        // have done with the work slot
};
// The lanes of a rank that shares its host with others.
void emit_host_sum(schedule::Builder* schedule, const HostSum& host);

// ---- broadcast: every rank may lead, so `read` is raised by all at every iteration.

struct HandOutIds {
  std::uint8_t work = 0;
  std::int32_t slots = kWorkSlots;  // of it
  std::int32_t shares = 1;          // a chunk each
  std::uint16_t result = 0;  // a leader of the host, or the root: its chunks are in its work slot
  std::vector<std::uint16_t> passed_on;  // by level of groups, without the host's. A leader: what
                                         // it leads there, and not above, is in its work slot
  std::uint16_t sent = 0;  // a leader that sends from the root's work slot, for itself: they left
  std::uint16_t read = 0;  // a rank: it has done with the work slots of its host
};
struct HandOutRole {
  std::int32_t root = 0;
  bool sends = false;  // over the network, from the root's work slots
};
// A share for each of the layout's chunks.
HandOutIds reserve_hand_out(schedule::Layout* layout, const schedule::Placement& placement,
                            std::int32_t slots);
// The root copies its input to its work slots for its mates.
void emit_hand_out_root(schedule::Builder* schedule, const schedule::Placement& placement,
                        const HandOutIds& ids);
// Everyone else copies from the work slots of the leaders to the own output, and to the own work
// slots what it leads in its group.
void emit_hand_out_copy(schedule::Builder* schedule, const schedule::Placement& placement,
                        const HandOutIds& ids, const HandOutRole& role);
// Who reads the work slots of `rank` in calls of some root, and whose slots it reads.
schedule::Peers readers_of(const schedule::Placement& placement, const HandOutIds& ids,
                           std::int32_t rank);
schedule::Peers read_by(const schedule::Placement& placement, const HandOutIds& ids,
                        std::int32_t rank);

// The ranks of this rank's host, with or without itself.
const schedule::Peers& mates(const schedule::Placement& placement, std::int32_t rank);
schedule::Peers other_mates(const schedule::Placement& placement, std::int32_t rank);

}  // namespace hfreduce::algorithms
