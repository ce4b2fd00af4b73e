// Which ranks share memory: proved by handing a memory descriptor over, not guessed.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "base/status.h"
#include "bootstrap/unique_id.h"

namespace hfreduce::bootstrap {

struct GroupPlan {
  JobId job{};
  Secret secret{};
  std::int32_t rank = 0;
  std::vector<std::int32_t> candidates;  // ascending: ranks whose hints are equal to this rank's
  std::uint64_t window_bytes = 0;
  Deadline deadline = Deadline::never();  // who has not got it by then is a host of its own
  std::function<bool()> give_up;          // joining has failed meanwhile
};

struct GroupOutcome {
  UniqueFd fd;              // invalid: this rank is alone
  std::int32_t leader = 0;  // whose descriptor it is; this rank if alone
};

// Blocks the calling thread. The lowest candidate makes a sealed memfd and hands it to the others
// over an abstract Unix socket, whose name only those can tell who know the secret; user and proof
// are checked on both sides. Fails only where memory or sockets cannot be had.
Result<GroupOutcome> form_group(const GroupPlan& plan);

// Rounded up to whole pages.
std::uint64_t whole_pages(std::uint64_t bytes);

}  // namespace hfreduce::bootstrap
