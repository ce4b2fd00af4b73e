// Calls between hfreduceGroupStart and hfreduceGroupEnd, collected by the thread that makes them.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "api/guard.h"
#include "api/objects.h"
#include "comm/options.h"

namespace hfreduce::api {

// A collective that was checked and not yet started.
struct PendingCall {
  hfreduceComm_t handle = nullptr;
  CommTable::Pin comm;  // none while the call waits for its group to end
  comm::CollectiveCall call;
  std::string algorithm;                   // forced by the caller; empty: the planner chooses
  hfreduceRequest_t* request = nullptr;    // NULL: blocking
  hfreduceRequest_t persistent = nullptr;  // to be started, instead of a new one
};

// Runs a collective now, or keeps it for the end of the group.
Status submit(PendingCall call);
// Runs something that waits for other ranks (joining, splitting) now, or at the end of the group,
// where all of them run side by side.
Status submit_setup(std::function<Status()> setup);

// Runs them side by side, for each may wait for the others.
Status run_together(const std::vector<std::function<Status()>>& setups);

extern constinit thread_local int group_depth;  // of this thread; groups may be nested
// Of all threads: 0 says the same of each of them, and is read with two instructions instead of 20.
extern constinit std::atomic<int> open_groups;
void group_start() noexcept;
inline bool in_group() noexcept {
  return open_groups.load(std::memory_order_relaxed) > 0 && group_depth > 0;
}
Status group_end();
// A call inside a group has failed: then none of the group is started, and its end says why.
void group_refused() noexcept;

// As guarded(), for a call that may be made inside a group.
template <typename Body>
hfreduceResult_t guarded_in_group(Body&& body) noexcept {
  const hfreduceResult_t result = guarded(body);
  if (result != hfreduceSuccess && in_group()) group_refused();
  return result;
}

}  // namespace hfreduce::api
