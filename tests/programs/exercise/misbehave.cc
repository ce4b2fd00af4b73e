// What a rank may be asked to do wrong, to see what becomes of it and of the others.
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "events.h"
#include "rank.h"

namespace exercise {
namespace {

std::atomic<std::uint64_t> signals{0};

void sleep_seconds(double seconds) {
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
}

}  // namespace

void start_signals(int hertz) {
  if (hertz <= 0) return;
  struct sigaction action {};
  action.sa_handler = [](int) { signals.fetch_add(1, std::memory_order_relaxed); };
  sigaction(SIGALRM, &action, nullptr);
  const itimerval timer{{0, 1'000'000 / hertz}, {0, 1'000'000 / hertz}};
  setitimer(ITIMER_REAL, &timer, nullptr);
}

std::uint64_t signals_seen() { return signals.load(); }

bool Rank::misbehaves_at(std::uint64_t index) const {
  return !options_.misbehave.empty() && options_.who == rank_ &&
         index == static_cast<std::uint64_t>(options_.at);
}

// So that what the other rank destroys is outstanding for certain: this one has not called it.
void Rank::hesitate_at(std::uint64_t index) const {
  const auto late_for = static_cast<std::uint64_t>(options_.at) + 1;
  if (options_.misbehave == "destroy-outstanding" && rank_ == 1 && index == late_for) {
    sleep_seconds(0.3);
  }
}

// The task as another rank would not make it.
Task Rank::wrong_call(Task task) const {
  if (options_.misbehave == "count") task.count += 1;
  if (options_.misbehave ==
      "type") {  // one that each operation takes, but for those that have a type
    task.type = task.type == hfreduceInt32 ? hfreduceUint32 : hfreduceInt32;
    if (task.op == hfreduceFirstCreatedOp) task.op = hfreduceSum;
  }
  if (options_.misbehave == "op") task.op = task.op == hfreduceMax ? hfreduceMin : hfreduceMax;
  if (options_.misbehave == "root") task.root = (task.root + 1) % task.ranks;
  if (options_.misbehave == "collective") task.broadcast = !task.broadcast;
  return task;
}

// Never calls: waits, and hears of the others' deadline meanwhile.
hfreduceResult_t Rank::skip_call(const Lane& lane) {
  const std::int64_t end = now_ns() + static_cast<std::int64_t>(options_.hold * 1e9);
  hfreduceResult_t state = hfreduceSuccess;
  while (now_ns() < end && state == hfreduceSuccess) {
    sleep_seconds(0.001);
    (void)hfreduceCommGetAsyncError(lane.comm, &state);
  }
  emit("heard", rank_, {{"code", static_cast<int>(state)}});
  int value = 0;
  const hfreduceResult_t result =
      hfreduceAllReduce(&value, &value, 1, hfreduceInt32, hfreduceSum, lane.comm, nullptr);
  expect(result == state, "a call after the failure returns it");
  return result;
}

// A child's handle is refused; the parent goes on as if nothing were.
void Rank::fork_child(const Lane& lane) {
  const pid_t child = fork();
  if (child == 0) {
    int value = 1;
    const bool refused = hfreduceAllReduce(&value, &value, 1, hfreduceInt32, hfreduceSum, lane.comm,
                                           nullptr) == hfreduceInvalidUsage &&
                         hfreduceCommAbort(lane.comm) == hfreduceInvalidUsage &&
                         hfreduceCommDestroy(lane.comm) == hfreduceInvalidUsage;
    _exit(refused ? 0 : 1);
  }
  int status = -1;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  expect(status == 0, "a forked child's handle is refused");
  // A child that ends in the ordinary way, through the destructors of everything.
  const pid_t ordinary = fork();
  if (ordinary == 0) exit(0);
  while (waitpid(ordinary, &status, 0) < 0 && errno == EINTR) continue;
  expect(status == 0, "a forked child can exit");
  emit("forked", rank_, {});
}

// Two operations are started: rank 1 calls the second one late, so that it is outstanding.
hfreduceResult_t Rank::destroy_with_work(const Lane& lane, std::uint64_t index) {
  hfreduceResult_t begun = hfreduceSuccess;
  for (int ahead = 0; ahead < 2 && begun == hfreduceSuccess; ++ahead) {
    Task task = make_task(options_, lane.stream, index + ahead, lane.ranks);
    task.as_request = true;
    pending_.emplace_back(task, lane.rank, lane.comm);
    begun = pending_.back().start("");
  }
  emit("destroying", rank_, {{"started", static_cast<int>(begun)}});
  const std::int64_t before = now_ns();
  expect(hfreduceCommDestroy(lane.comm) == hfreduceSuccess, "destroy with work outstanding works");
  expect(hfreduceCommDestroy(lane.comm) == hfreduceInvalidUsage, "the second is refused");
  for (Operation& operation : pending_) {
    const hfreduceResult_t ended = operation.finish();
    expect(ended == hfreduceAborted || ended == hfreduceInvalidUsage || ended == hfreduceSuccess,
           "its requests have ended");
  }
  pending_.clear();
  expect(now_ns() - before < 1'000'000'000, "all that within a second");
  const hfreduceComm_t gone = lane.comm;
  for (Lane& each : lanes_)
    if (each.comm == gone) each.comm = nullptr;
  left_ = true;
  return hfreduceAborted;
}

hfreduceResult_t Rank::misbehave(const Lane& lane, const Task& task, std::uint64_t index) {
  const std::string& kind = options_.misbehave;
  emit("misbehaving", rank_, {{"kind", kind}});
  if (kind == "absent") return skip_call(lane);
  if (kind == "exit") _exit(3);
  if (kind == "destroy-outstanding") return destroy_with_work(lane, index);
  if (kind == "destroy") {
    expect(hfreduceCommDestroy(lane.comm) == hfreduceSuccess, "destroy works");
    lanes_.clear();
    left_ = true;
    sleep_seconds(options_.hold);
    return hfreduceAborted;
  }
  if (kind == "abort") {
    const hfreduceComm_t comm = lane.comm;
    std::thread([comm, rank = rank_] {
      sleep_seconds(0.05);
      const std::int64_t before = now_ns();
      const hfreduceResult_t result = hfreduceCommAbort(comm);
      emit("abort", rank, {{"code", static_cast<int>(result)}, {"before_ns", before}});
    }).detach();
  } else if (kind == "abort-absent") {
    expect(hfreduceCommAbort(lane.comm) == hfreduceSuccess, "abort works");
    emit("abort", rank_, {{"code", 0}});
  } else if (kind == "fork") {
    fork_child(lane);
  }
  return start(lane, wrong_call(task));
}

}  // namespace exercise
