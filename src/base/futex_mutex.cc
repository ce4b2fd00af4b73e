#include "base/futex_mutex.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace hfreduce {

// The third of Ulrich Drepper's mutexes ("Futexes Are Tricky"): who has waited cannot know whether
// others still do, and so leaves the word as if they did.
void FutexMutex::wait_and_lock() noexcept {
  while (word_.exchange(kAwaited, std::memory_order_acquire) != kFree) {
    syscall(SYS_futex, &word_, FUTEX_WAIT_PRIVATE, kAwaited, nullptr, nullptr, 0);
  }
}

void FutexMutex::wake_one() noexcept {
  syscall(SYS_futex, &word_, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

}  // namespace hfreduce
