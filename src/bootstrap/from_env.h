// Joining without a unique id: from what the launcher left in the environment.
#pragma once

#include <cstdint>
#include <string>

#include "base/settings.h"
#include "base/status.h"
#include "bootstrap/unique_id.h"

namespace hfreduce::bootstrap {

// Makes this process listen for the ranks of a new communicator, whatever its own rank will be.
// Thread-safe.
Result<UniqueId> open_rendezvous(const Settings& settings);

struct EnvJoin {
  UniqueId id;
  std::int32_t rank = 0;
  std::int32_t ranks = 1;
  std::string launcher;  // for people: "torchrun (RANK, WORLD_SIZE, MASTER_ADDR)"
};

// The n-th call in a process meets the n-th call of the others. Rank 0 starts to listen; others may
// wait for it, up to settings.init_timeout_ms. One call at a time.
Result<EnvJoin> join_from_environment(const Settings& settings);

}  // namespace hfreduce::bootstrap
