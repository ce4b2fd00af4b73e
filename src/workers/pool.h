// The process's threads that help with large steps. They sleep while nobody has work for them.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "workers/desk.h"

namespace hfreduce::workers {

// The numbers of hardware threads; empty: not known.
using Cpus = std::vector<std::int32_t>;

// Threads that keep to the same cores: those of a NUMA node.
struct Crew {
  Cpus cpus;
  std::atomic<std::int32_t> threads{0};  // started, or given up
  alignas(64) std::atomic<std::uint32_t> calls{0};
  std::atomic<std::int32_t> asleep{0};
  // Operations that are likely to have more work soon: meanwhile threads look around for longer.
  std::atomic<std::int32_t> expecting{0};

  // Wakes a thread if one sleeps.
  void wake_one() noexcept;
};

class Pool;
struct EndLease {
  void operator()(Desk* desk) const noexcept;
};
// The right to lay out jobs, one after the other.
using Lease = std::unique_ptr<Desk, EndLease>;

// Any thread.
class Pool {
 public:
  // Never destroyed: its threads sleep until the process ends. A forked child has one of its own.
  static Pool& instance();

  // The cores of each NUMA node that this process may use. The first call of a process decides;
  // without one, or with none, there is one crew that goes where the process may.
  void settle(const std::vector<Cpus>& nodes);
  // No desk (nullptr) where too many are out.
  Lease lease(const Desk::Owner& owner);
  // The crew where this thread runs, with at least `threads` threads as far as the system gives
  // them.
  Crew& crew_here(std::int32_t threads) noexcept;

 private:
  friend EndLease;
  static constexpr std::size_t kDesks = 64;

  Pool() = default;
  void take_back(Desk* desk) noexcept;
  void grow(Crew& crew, std::int32_t threads) noexcept;
  void run(Crew& crew) noexcept;
  bool help(const Crew& crew) noexcept;
  bool wanted(const Crew& crew) const noexcept;

  std::mutex mutex_;
  std::vector<std::unique_ptr<Crew>> crews_;  // fixed once there is a lease
  std::vector<std::uint8_t> crew_of_;         // by core
  std::array<Desk, kDesks> desks_;
  std::array<bool, kDesks> leased_{};
  std::atomic<std::size_t> used_{0};  // desks behind this were never leased
};

}  // namespace hfreduce::workers
