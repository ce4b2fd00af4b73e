// What the passes between hosts (ring, trees) need to know about the ends of their data, so that
// the same code serves flat algorithms and the inter-host part of hierarchical ones.
#pragma once

#include <optional>

#include "schedule/builder.h"

namespace hfreduce::algorithms {

// Where a pass finds its operands and leaves its results: in users' buffers; or, on ranks that
// share a host and with a work area, in work slots, where operand and result are the same place.
struct Ground {
  const schedule::Placement* placement = nullptr;
  std::optional<std::uint8_t> work;  // area
  std::int32_t work_slots = 0;

  bool in_work(std::int32_t rank) const {
    return work && placement->members(placement->host_of(rank)).size() > 1;
  }
  schedule::Place source(std::int32_t rank) const {
    return in_work(rank) ? work_slot(rank) : schedule::input(rank);
  }
  schedule::Place sink(std::int32_t rank) const {
    return in_work(rank) ? work_slot(rank) : schedule::output(rank);
  }
  // One slot an iteration, whatever is repeated within it.
  schedule::Place work_slot(std::int32_t rank) const {
    return schedule::slot(work.value_or(0), rank, {.rate = 1, .offset = 0, .stride = 0});
  }
};

// How a pass meets the other lanes of its rank and host: only where its data lies in work slots.
struct Hooks {
  std::optional<std::uint16_t> ready;     // waited for on this rank: the operand is there
  std::optional<std::uint16_t> result;    // raised for `mates`: the result is there
  std::optional<std::uint16_t> finished;  // raised for this rank: the slot is not read any more
  schedule::Peers mates;                  // of this host, with this rank
};

}  // namespace hfreduce::algorithms
