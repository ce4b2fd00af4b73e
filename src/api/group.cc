#include "api/group.h"

#include <fmt/core.h>

#include <algorithm>
#include <exception>
#include <future>
#include <new>
#include <thread>

#include "base/signals.h"

namespace hfreduce::api {

constinit thread_local int group_depth = 0;
constinit std::atomic<int> open_groups{0};

namespace {

struct Group {
  std::vector<PendingCall> calls;
  std::vector<std::function<Status()>> setups;
  bool refused = false;
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

// Starts an operation that nobody waits for yet.
Status start_request(PendingCall& pending) {
  auto fresh = std::make_unique<Request>();
  fresh->comm = pending.handle;
  executor::Operation& operation = fresh->planned.operation;
  HFR_TRY(prepare(pending, operation));
  operation.state.store(executor::Operation::State::kQueued, std::memory_order_relaxed);
  const hfreduceRequest_t handle = *pending.request = requests().add(std::move(fresh));
  const RequestTable::Pin request = requests().pin(handle);
  if (!request) return bad_handle("request");
  pending.comm->start(operation);
  return {};
}

Status start_persistent(PendingCall& pending) {
  const RequestTable::Pin request = requests().pin(pending.persistent);
  if (!request) return bad_handle("request");
  executor::Operation& operation = request->planned.operation;
  if (!operation.done())
    return Status(Code::kInvalidUsage,
                  "the request is active: wait for it before starting it again");
  operation.status = {};
  Status started = pending.comm->start_again(request->planned, *request->buffers);
  if (!started.ok()) operation.status = started;
  return started;
}

Status start_unattended(PendingCall& pending) {
  return pending.persistent != nullptr ? start_persistent(pending) : start_request(pending);
}

Status run_blocking(PendingCall& pending) {
  executor::Operation operation;
  HFR_TRY(prepare(pending, operation));
  return pending.comm->run(operation);
}

// Starts a call that the end of its group waits for.
Status start_blocking(PendingCall& pending, executor::Operation& operation) {
  HFR_TRY(prepare(pending, operation));
  operation.state.store(executor::Operation::State::kQueued, std::memory_order_relaxed);
  pending.comm->queue(operation);
  return {};
}

void drive(const std::vector<PendingCall>& calls,
           const std::vector<executor::Operation>& blocking) {
  std::vector<executor::Engine*> engines;
  for (const PendingCall& pending : calls) {
    if (blocks(pending) && pending.comm->engine() != nullptr)
      engines.push_back(pending.comm->engine());
  }
  std::sort(engines.begin(), engines.end());
  engines.erase(std::unique(engines.begin(), engines.end()), engines.end());
  executor::drive_until(engines, [&] {
    return std::all_of(blocking.begin(), blocking.end(),
                       [](const executor::Operation& operation) { return operation.done(); });
  });
  for (executor::Engine* engine : engines) {
    if (engine->outstanding()) executor::drive_in_background(*engine);
  }
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
  std::vector<executor::Operation> blocking(calls.size());
  for (executor::Operation& operation : blocking) {
    operation.state.store(executor::Operation::State::kDone, std::memory_order_relaxed);
  }
  Status first;
  std::exception_ptr thrown;  // not before what was started has ended
  for (std::size_t i = 0; i < calls.size() && thrown == nullptr; ++i) {
    try {
      first =
          first_failure(std::move(first), blocks(calls[i]) ? start_blocking(calls[i], blocking[i])
                                                           : start_unattended(calls[i]));
    } catch (...) {
      thrown = std::current_exception();
    }
  }
  drive(calls, blocking);
  if (thrown != nullptr) std::rethrow_exception(thrown);
  for (executor::Operation& operation : blocking)
    first = first_failure(std::move(first), std::move(operation.status));
  return first;
}

}  // namespace

Status run_together(const std::vector<std::function<Status()>>& setups) {
  if (setups.size() < 2) return setups.empty() ? Status() : setups.front()();
  std::vector<Status> results(setups.size());
  std::vector<std::exception_ptr> thrown(setups.size());
  const auto run = [&](std::size_t i) noexcept {
    try {
      results[i] = setups[i]();
    } catch (...) {
      thrown[i] = std::current_exception();
    }
  };
  // None begins before all have a thread: it would wait for the others.
  std::promise<bool> go;
  const std::shared_future<bool> may_begin = go.get_future();
  std::vector<std::thread> threads;
  std::exception_ptr lacking;
  try {
    const SignalsBlocked inherited;
    for (std::size_t i = 1; i < setups.size(); ++i) {
      threads.emplace_back([&, i] {
        if (may_begin.get()) run(i);
      });
    }
  } catch (...) {
    lacking = std::current_exception();
  }
  go.set_value(lacking == nullptr);
  if (lacking == nullptr) run(0);
  for (std::thread& thread : threads) thread.join();
  if (lacking != nullptr) {
    return status_of(lacking).in_context(
        fmt::format("starting a thread for each of {} ranks (ulimit -u)", setups.size()));
  }
  Status first;
  for (std::size_t i = 0; i < setups.size(); ++i) {
    if (thrown[i] != nullptr) results[i] = status_of(thrown[i]);
    first = first_failure(std::move(first), std::move(results[i]));
  }
  return first;
}

Status submit(PendingCall call) {
  if (group_depth > 0) {
    call.comm = {};  // or who destroys it within the group would wait for the group's own pin
    group.calls.push_back(std::move(call));
    return {};
  }
  return blocks(call) ? run_blocking(call) : start_unattended(call);
}

Status submit_setup(std::function<Status()> setup) {
  if (group_depth == 0) return setup();
  group.setups.push_back(std::move(setup));
  return {};
}

void group_start() noexcept {
  ++group_depth;
  open_groups.fetch_add(1, std::memory_order_relaxed);
}

void group_refused() noexcept {
  if (std::exchange(group.refused, true)) return;
  try {
    group.refusal = last_failure();
  } catch (...) {  // told at the end, in as many words as there is memory for
  }
}

Status group_end() {
  if (group_depth == 0)
    return Status(Code::kInvalidUsage, "hfreduceGroupEnd without hfreduceGroupStart");
  open_groups.fetch_sub(1, std::memory_order_relaxed);
  if (--group_depth > 0) return {};
  Group whole = std::exchange(group, {});
  if (whole.refused && whole.refusal.ok()) throw std::bad_alloc();
  HFR_TRY(std::move(whole.refusal));
  HFR_TRY(run_together(whole.setups));
  return run_calls(std::move(whole.calls));
}

}  // namespace hfreduce::api
