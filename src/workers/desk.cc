#include "workers/desk.h"

#include <sched.h>

#include "base/relax.h"
#include "workers/pool.h"

namespace hfreduce::workers {
namespace {

// A worker is in the middle of a piece, or has lost its core there.
template <typename Condition>
void wait_shortly(Condition over) noexcept {
  constexpr int kSpins = 200;
  for (int look = 0; !over(); ++look) {
    if (look < kSpins)
      relax();
    else
      sched_yield();
  }
}

}  // namespace

std::uint64_t Desk::take() noexcept {
  std::uint64_t word = word_.load(std::memory_order_relaxed);
  while (taken(word) < total(word) &&
         !word_.compare_exchange_weak(word, word + kOneTaken, std::memory_order_acq_rel,
                                      std::memory_order_relaxed)) {
  }
  return word;
}

void Desk::open(const Job& job, Crew& crew) noexcept {
  job_ = job;
  pieces_ = job.pieces;
  done_.store(0, std::memory_order_relaxed);
  crew_.store(&crew, std::memory_order_relaxed);
  const std::uint64_t number = (word_.load(std::memory_order_relaxed) >> 32) + 1;
  // Whoever falls asleep meanwhile sees it, or is seen by wake_one().
  word_.store(number << 32 | job.pieces, std::memory_order_seq_cst);
  crew.wake_one();
}

bool Desk::work() noexcept {
  const std::uint64_t word = take();
  if (taken(word) == total(word)) return false;
  job_.piece(job_.self, taken(word));
  done_.fetch_add(1, std::memory_order_acq_rel);
  return true;
}

void Desk::withdraw() noexcept {
  if (empty()) return;
  std::uint64_t word = word_.load(std::memory_order_relaxed);
  while (!word_.compare_exchange_weak(word, word >> 32 << 32, std::memory_order_acq_rel)) {
  }
  const std::uint32_t at_work = taken(word);
  wait_shortly([&] { return done_.load(std::memory_order_acquire) == at_work; });
  close();
}

bool Desk::help(const Crew& crew) noexcept {
  if (!wants(crew)) return false;
  bool any = false;
  inside_.fetch_add(1, std::memory_order_acquire);
  for (;;) {
    const std::uint64_t word = take();
    if (taken(word) == total(word)) break;
    any = true;
    // One more for what is left, which wakes the next: nobody is woken for nothing, and the owner
    // does not pay for all of them.
    if (taken(word) + 1 < total(word)) crew_.load(std::memory_order_relaxed)->wake_one();
    job_.piece(job_.self, taken(word));
    if (done_.fetch_add(1, std::memory_order_acq_rel) + 1 == total(word)) owner_.wake(owner_.self);
  }
  inside_.fetch_sub(1, std::memory_order_release);
  return any;
}

void Desk::end_lease() noexcept {
  withdraw();
  wait_shortly([&] { return inside_.load(std::memory_order_acquire) == 0; });
}

}  // namespace hfreduce::workers
