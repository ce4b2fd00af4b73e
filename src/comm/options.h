// What a communicator is made from, and what may be asked of it.
#pragma once

#include <cstdint>
#include <string>

#include "algorithms/algorithm.h"
#include "base/settings.h"
#include "bootstrap/unique_id.h"
#include "kernels/cpu/reduce.h"

namespace hfreduce::comm {

// A caller's config with the environment's settings behind it.
struct CommOptions {
  std::string name = "comm";
  std::int64_t timeout_ms = 0;
  std::int64_t init_timeout_ms = 0;
  Settings settings;
  Status refusal;  // this rank cannot take part: it joins only to tell the others why
};

struct Membership {
  bootstrap::UniqueId id;
  std::int32_t rank = 0;
  std::int32_t ranks = 1;
};

// One collective call as the API checked it.
struct CollectiveCall {
  algorithms::Collective collective = algorithms::Collective::kAllReduce;
  const void* send = nullptr;
  void* receive = nullptr;
  std::uint64_t count = 0;
  kernels::DataType type = kernels::DataType::kFloat32;
  kernels::ReduceOp op = kernels::ReduceOp::kSum;
  std::uint64_t scalar = 0;  // kPreMulSum: the bits of what this rank's input is multiplied by
  std::int32_t root = -1;
  const char* algorithm = nullptr;  // nullptr: the planner chooses
  std::int64_t timeout_ms = -1;     // -1: the communicator's
};

}  // namespace hfreduce::comm
