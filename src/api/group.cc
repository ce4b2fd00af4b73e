#include "api/group.h"

#include <algorithm>
#include <thread>

#include "api/guard.h"

namespace hfreduce::api {

constinit thread_local int group_depth = 0;

namespace {

struct Group {
  std::vector<PendingCall> calls;
  std::vector<std::function<Status()>> setups;
  Status refusal;
};
thread_local Group group;

Status first_failure(Status first, Status second) { return first.ok() ? second : first; }

Status prepare(const PendingCall& pending, executor::Operation& operation) {
  comm::CollectiveCall call = pending.call;
  call.algorithm = pending.algorithm.empty() ? nullptr : pending.algorithm.c_str();
  return pending.comm->prepare(call, operation);
}

bool blocks(const PendingCall& pending) {
  return pending.request == nullptr && pending.persistent == nullptr;
}

Status prepare_again(const PendingCall& pending, executor::Operation& operation) {
  if (!operation.done())
    return Status(Code::kInvalidUsage,
                  "the request is active: wait for it before starting it again");
  operation.state.store(executor::Operation::State::kQueued, std::memory_order_relaxed);
  operation.status = prepare(pending, operation);
  if (operation.status.ok()) return {};
  operation.state.store(executor::Operation::State::kDone, std::memory_order_release);
  return operation.status;
}

// Starts an operation that nobody waits for yet.
Status start_request(PendingCall& pending) {
  if (pending.persistent == nullptr) {
    auto fresh = std::make_unique<Request>();
    fresh->comm = pending.handle;
    HFR_TRY(prepare(pending, fresh->operation));
    *pending.request = requests().add(std::move(fresh));
  }
  const RequestTable::Pin request =
      requests().pin(pending.persistent != nullptr ? pending.persistent : *pending.request);
  if (!request) return bad_handle("request");
  executor::Operation& operation = request->operation;
  if (pending.persistent != nullptr) HFR_TRY(prepare_again(pending, operation));
  executor::Engine* engine = pending.comm->engine();
  if (engine == nullptr) {
    pending.comm->start(operation);
    return {};
  }
  {
    const std::lock_guard lock(engine->mutex());
    pending.comm->start(operation);
    executor::drive_at_start(*engine);
  }
  if (engine->outstanding()) executor::drive_in_background(*engine);
  return {};
}

Status run_blocking(PendingCall& pending) {
  executor::Operation operation;
  HFR_TRY(prepare(pending, operation));
  return pending.comm->run(operation);
}

Status run_setups(std::vector<std::function<Status()>> setups) {
  std::vector<Status> results(setups.size());
  std::vector<std::thread> threads;
  for (std::size_t i = 1; i < setups.size(); ++i) {
    threads.emplace_back([&, i] { results[i] = setups[i](); });
  }
  if (!setups.empty()) results[0] = setups[0]();
  for (std::thread& thread : threads) thread.join();
  Status first;
  for (Status& status : results) first = first_failure(std::move(first), std::move(status));
  return first;
}

// Starts everything, then drives all engines until the blocking calls are done.
Status run_calls(std::vector<PendingCall> calls) {
  for (PendingCall& pending : calls) {
    pending.comm = comms().pin(pending.handle);
    if (!pending.comm)
      return Status(Code::kInvalidUsage,
                    "a communicator was destroyed in the group that calls it: nothing was started");
  }
  if (calls.size() == 1 && blocks(calls[0])) return run_blocking(calls[0]);
  std::vector<std::unique_ptr<executor::Operation>> blocking;
  std::vector<executor::Engine*> engines;
  Status first;
  for (PendingCall& pending : calls) {
    if (!blocks(pending)) {
      first = first_failure(std::move(first), start_request(pending));
      continue;
    }
    auto operation = std::make_unique<executor::Operation>();
    Status status = prepare(pending, *operation);
    executor::Engine* engine = pending.comm->engine();
    if (status.ok() && engine != nullptr) {
      const std::lock_guard lock(engine->mutex());
      pending.comm->start(*operation);
      engines.push_back(engine);
    } else if (status.ok()) {
      pending.comm->start(*operation);
    }
    if (status.ok()) blocking.push_back(std::move(operation));
    first = first_failure(std::move(first), std::move(status));
  }
  std::sort(engines.begin(), engines.end());
  engines.erase(std::unique(engines.begin(), engines.end()), engines.end());
  executor::drive_until(engines, [&] {
    return std::all_of(blocking.begin(), blocking.end(),
                       [](const auto& operation) { return operation->done(); });
  });
  for (executor::Engine* engine : engines) {
    if (engine->outstanding()) executor::drive_in_background(*engine);
  }
  for (const auto& operation : blocking) first = first_failure(std::move(first), operation->status);
  return first;
}

}  // namespace

Status submit(PendingCall call) {
  if (group_depth > 0) {
    call.comm = {};  // or who destroys it within the group would wait for the group's own pin
    group.calls.push_back(std::move(call));
    return {};
  }
  return blocks(call) ? run_blocking(call) : start_request(call);
}

Status submit_setup(std::function<Status()> setup) {
  if (group_depth == 0) return setup();
  group.setups.push_back(std::move(setup));
  return {};
}

void group_start() noexcept { ++group_depth; }

void group_refused(const Status& status) {
  if (group_depth > 0 && group.refusal.ok()) group.refusal = status;
}

Status group_end() {
  if (group_depth == 0)
    return Status(Code::kInvalidUsage, "hfreduceGroupEnd without hfreduceGroupStart");
  if (--group_depth > 0) return {};
  Group whole = std::exchange(group, {});
  HFR_TRY(std::move(whole.refusal));
  HFR_TRY(run_setups(std::move(whole.setups)));
  return run_calls(std::move(whole.calls));
}

}  // namespace hfreduce::api
