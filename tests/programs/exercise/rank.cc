#include "rank.h"

#include <chrono>
#include <string>
#include <thread>

#include "events.h"
#include "join.h"
#include "values.h"

namespace exercise {
namespace {
constexpr std::size_t kMostPending = 4;
}

hfreduceResult_t Rank::add_lane(hfreduceComm_t comm, std::uint64_t stream) {
  Lane lane{comm, 0, 0, stream};
  hfreduceResult_t result = hfreduceCommUserRank(comm, &lane.rank);
  if (result == hfreduceSuccess) result = hfreduceCommCount(comm, &lane.ranks);
  lanes_.push_back(lane);
  return result;
}

hfreduceResult_t Rank::join_all() {
  for (int number = 0; number < options_.comms; ++number) {
    hfreduceComm_t comm = nullptr;
    hfreduceResult_t result = join(options_, number, rank_, &comm);
    if (result == hfreduceSuccess) result = add_lane(comm, static_cast<std::uint64_t>(number));
    if (result != hfreduceSuccess) return result;
  }
  rank_ = lanes_[0].rank;
  if (!options_.split) return hfreduceSuccess;
  hfreduceComm_t half = nullptr;
  const hfreduceResult_t result =
      hfreduceCommSplit(lanes_[0].comm, rank_ % 2, -rank_, &half, nullptr);
  if (result != hfreduceSuccess) return result;
  const int size = (lanes_[0].ranks + 1 - rank_ % 2) / 2;
  const hfreduceResult_t added = add_lane(half, 1000 + static_cast<std::uint64_t>(rank_ % 2));
  expect(lanes_.back().ranks == size, "a half has the size that its color gives");
  expect(lanes_.back().rank == size - 1 - rank_ / 2, "a half is ordered by key");
  return added;
}

void Rank::verify(const Operation& operation) {
  std::string story;
  const std::uint64_t wrong = operation.count_wrong(&story);
  if (wrong > 0) emit("wrong", rank_, {{"elements", wrong}, {"story", story}, {"op", done_}});
  wrong_ += wrong;
  bytes_ += operation.task().bytes();
  hash_ = mix(hash_ ^ operation.hash());
  ++done_;
}

hfreduceResult_t Rank::drain(std::size_t keep) {
  while (pending_.size() > keep) {
    const hfreduceResult_t result = pending_.front().finish();
    if (result != hfreduceSuccess) return result;
    verify(pending_.front());
    pending_.pop_front();
  }
  return hfreduceSuccess;
}

hfreduceResult_t Rank::start(const Lane& lane, const Task& task) {
  pending_.emplace_back(task, lane.rank, lane.comm);
  if (const auto result = pending_.back().start(options_.algorithm); result != hfreduceSuccess) {
    return result;
  }
  return drain(task.as_request ? kMostPending - 1 : 0);
}

hfreduceResult_t Rank::step(std::uint64_t index) {
  const Lane& lane = lanes_[index % lanes_.size()];
  const Task task = make_task(options_, lane.stream, index / lanes_.size(), lane.ranks);
  if (misbehaves_at(index)) return misbehave(lane, task, index);
  hesitate_at(index);
  return start(lane, task);
}

// Rank 0's clock decides for all, so that all make the same calls.
bool Rank::goes_on(std::int64_t end_ns, hfreduceResult_t* result) {
  if (options_.seconds <= 0) return false;
  std::int32_t more = now_ns() < end_ns ? 1 : 0;
  *result = hfreduceBroadcast(&more, &more, 1, hfreduceInt32, 0, lanes_[0].comm, nullptr);
  return *result == hfreduceSuccess && more != 0;
}

hfreduceResult_t Rank::work() {
  const std::int64_t end = now_ns() + static_cast<std::int64_t>(options_.seconds * 1e9);
  hfreduceResult_t result = hfreduceSuccess;
  std::uint64_t index = 0;
  do {
    for (int i = 0; i < options_.ops; ++i, ++index) {
      const std::int64_t started = now_ns();
      result = step(index);
      if (result != hfreduceSuccess) return report_error(result, started), result;
      if (options_.pause_us > 0) {
        std::this_thread::sleep_for(std::chrono::microseconds(options_.pause_us));
      }
    }
    const std::int64_t started = now_ns();
    result = drain(0);
    const bool more = result == hfreduceSuccess && goes_on(end, &result);
    if (result != hfreduceSuccess) return report_error(result, started), result;
    if (!more) return hfreduceSuccess;
  } while (true);
}

int Rank::live() {
  const std::int64_t begun = now_ns();
  emit("start", rank_, {});
  if (const hfreduceResult_t result = join_all(); result != hfreduceSuccess) {
    report_error(result, begun);
    destroy_all();
    emit("end", rank_, {{"joined", false}, {"wrong", wrong_}, {"broken", broken_}});
    return broken_ == 0 ? 0 : 1;
  }
  emit("joined", rank_,
       {{"ranks", lanes_[0].ranks},
        {"took_ms", (now_ns() - begun) / 1'000'000},
        {"cpu_ms", cpu_ms()}});
  const hfreduceResult_t result = work();
  if (result != hfreduceSuccess && !left_) check_after_error(result);
  destroy_all();
  const std::uint64_t done_before = done_;
  if (result != hfreduceSuccess && !options_.recover.empty()) recover();
  emit("end", rank_,
       {{"joined", true},
        {"ops", done_before},
        {"bytes", bytes_},
        {"hash", std::to_string(hash_)},
        {"wrong", wrong_},
        {"broken", broken_},
        {"cpu_ms", cpu_ms()},
        {"signals", signals_seen()}});
  return wrong_ == 0 && broken_ == 0 ? 0 : 1;
}

}  // namespace exercise
