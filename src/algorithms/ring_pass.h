// One ring, one lane: reduce-scatter and allgather over as many chunks as it has members (Patarasuk
// and Yuan, "Bandwidth optimal all-reduce algorithms for clusters of workstations", 2009).
#pragma once

#include <string>

#include "algorithms/ground.h"

namespace hfreduce::algorithms {

// The flags and slots of one ring, the same on all its members.
struct RingIds {
  std::uint16_t data = 0, credit = 0;
  std::uint8_t slots = 0;
};
RingIds reserve_ring(schedule::Layout* layout);

struct RingPart {
  std::string name;
  std::int32_t size = 0, index = 0;  // of the ring, 2 or more; this rank's place in it
  std::int32_t previous = 0, next = 0;
  std::int32_t first_chunk = 0;  // of `size`
  RingIds ids;
  Ground ground;
  Hooks hooks;
};
void emit_ring_part(schedule::Builder* schedule, const RingPart& part);

}  // namespace hfreduce::algorithms
