#include "workers/pool.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>
#include <thread>

#include "base/log.h"
#include "base/relax.h"
#include "base/signals.h"

namespace hfreduce::workers {
namespace {

// About 10 us, in case that the next operation follows at once.
constexpr int kLooks = 250;
// Between the steps of one operation about 200 us more, unless somebody else wants the core: waking
// up costs 5 to 20.
constexpr int kYields = 400;

// The parent's threads do not exist in a forked child.
std::atomic<Pool*> current{nullptr};
std::mutex making;

void keep_to(const Cpus& cpus) noexcept {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const std::int32_t cpu : cpus)
    if (cpu >= 0 && cpu < CPU_SETSIZE) CPU_SET(static_cast<std::size_t>(cpu), &set);
  // Where it may not, it stays where it is: slower perhaps, and as right.
  if (CPU_COUNT(&set) > 0) sched_setaffinity(0, sizeof set, &set);
}

}  // namespace

void Crew::wake_one() noexcept {
  if (asleep.load(std::memory_order_seq_cst) == 0) return;
  calls.fetch_add(1, std::memory_order_release);
  syscall(SYS_futex, &calls, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

void EndLease::operator()(Desk* desk) const noexcept {
  desk->end_lease();
  Pool::instance().take_back(desk);
}

Pool& Pool::instance() {
  static const int registered = pthread_atfork([] { making.lock(); }, [] { making.unlock(); },
                                               [] {
                                                 current.store(nullptr, std::memory_order_relaxed);
                                                 making.unlock();
                                               });
  static_cast<void>(registered);
  Pool* pool = current.load(std::memory_order_acquire);
  if (pool != nullptr) return *pool;
  const std::lock_guard lock(making);
  if (current.load(std::memory_order_relaxed) == nullptr)
    current.store(new Pool, std::memory_order_release);
  return *current.load(std::memory_order_relaxed);
}

void Pool::settle(const std::vector<Cpus>& nodes) {
  constexpr std::size_t kMostCrews = 255;
  const std::lock_guard lock(mutex_);
  if (!crews_.empty()) return;
  for (const Cpus& cpus : nodes) {
    if (cpus.empty() || crews_.size() == kMostCrews) continue;
    for (const std::int32_t cpu : cpus) {
      if (cpu < 0) continue;
      crew_of_.resize(std::max<std::size_t>(crew_of_.size(), static_cast<std::size_t>(cpu) + 1));
      crew_of_[static_cast<std::size_t>(cpu)] = static_cast<std::uint8_t>(crews_.size());
    }
    crews_.push_back(std::make_unique<Crew>());
    crews_.back()->cpus = cpus;
  }
  if (crews_.empty()) crews_.push_back(std::make_unique<Crew>());
}

Lease Pool::lease(const Desk::Owner& owner) {
  settle({});
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < desks_.size(); ++i) {
    if (leased_[i]) continue;
    leased_[i] = true;
    desks_[i].lease(owner);
    used_.store(std::max(used_.load(std::memory_order_relaxed), i + 1), std::memory_order_release);
    return Lease(&desks_[i]);
  }
  return nullptr;
}

void Pool::take_back(Desk* desk) noexcept {
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < desks_.size(); ++i)
    if (&desks_[i] == desk) leased_[i] = false;
}

Crew& Pool::crew_here(std::int32_t threads) noexcept {
  const int cpu = sched_getcpu();
  const auto at = static_cast<std::size_t>(std::max(cpu, 0));
  Crew& crew = *crews_[at < crew_of_.size() ? crew_of_[at] : 0];
  if (crew.threads.load(std::memory_order_relaxed) < threads) grow(crew, threads);
  return crew;
}

void Pool::grow(Crew& crew, std::int32_t threads) noexcept {
  const std::lock_guard lock(mutex_);
  const SignalsBlocked inherited;
  try {
    for (std::int32_t i = crew.threads.load(std::memory_order_relaxed); i < threads; ++i)
      std::thread([this, &crew] { run(crew); }).detach();
  } catch (const std::system_error& error) {
    HFR_LOG(kWarn, "workers", "no more threads that help with large steps: {} (ulimit -u)",
            error.what());
  }
  crew.threads.store(threads, std::memory_order_relaxed);
}

void Pool::run(Crew& crew) noexcept {
  pthread_setname_np(pthread_self(), "hfr-worker");
  keep_to(crew.cpus);
  for (int idle = 0;;) {
    const std::uint32_t seen = crew.calls.load(std::memory_order_acquire);
    if (help(crew)) {
      idle = 0;
    } else if (++idle < kLooks) {
      relax();
    } else if (idle < kLooks + kYields && crew.expecting.load(std::memory_order_relaxed) > 0) {
      sched_yield();
    } else {
      idle = 0;
      crew.asleep.fetch_add(1, std::memory_order_seq_cst);
      if (!wanted(crew))
        syscall(SYS_futex, &crew.calls, FUTEX_WAIT_PRIVATE, seen, nullptr, nullptr, 0);
      crew.asleep.fetch_sub(1, std::memory_order_relaxed);
    }
  }
}

bool Pool::help(const Crew& crew) noexcept {
  const std::size_t used = used_.load(std::memory_order_acquire);
  for (std::size_t i = 0; i < used; ++i)
    if (desks_[i].help(crew)) return true;
  return false;
}

bool Pool::wanted(const Crew& crew) const noexcept {
  const std::size_t used = used_.load(std::memory_order_acquire);
  for (std::size_t i = 0; i < used; ++i)
    if (desks_[i].wants(crew)) return true;
  return false;
}

}  // namespace hfreduce::workers
