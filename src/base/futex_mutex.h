// A mutex whose way in and out, when nobody else wants it, is one instruction each and no call.
#pragma once

#include <atomic>
#include <cstdint>

namespace hfreduce {

// As std::mutex, for std::lock_guard and the like.
class FutexMutex {
 public:
  FutexMutex() noexcept = default;
  FutexMutex(const FutexMutex&) = delete;
  FutexMutex& operator=(const FutexMutex&) = delete;

  bool try_lock() noexcept {
    std::uint32_t expected = kFree;
    return word_.compare_exchange_strong(expected, kHeld, std::memory_order_acquire,
                                         std::memory_order_relaxed);
  }
  void lock() noexcept {
    if (!try_lock()) wait_and_lock();
  }
  void unlock() noexcept {
    if (word_.exchange(kFree, std::memory_order_release) == kAwaited) wake_one();
  }

 private:
  enum Word : std::uint32_t { kFree, kHeld, kAwaited };

  void wait_and_lock() noexcept;
  void wake_one() noexcept;

  std::atomic<std::uint32_t> word_{kFree};
};

}  // namespace hfreduce
