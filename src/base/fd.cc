#include "base/fd.h"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>

namespace hfreduce {
namespace {

// One bit a descriptor: what the child handler, which may not allocate or lock, has to close.
constexpr int kMostDescriptors = 1 << 20;
std::array<std::atomic<std::uint64_t>, kMostDescriptors / 64> owned;
std::atomic<bool> forked{false};

void in_child() noexcept {
  forked.store(true, std::memory_order_relaxed);
  for (std::size_t word = 0; word < owned.size(); ++word) {
    std::uint64_t bits = owned[word].exchange(0, std::memory_order_relaxed);
    for (; bits != 0; bits &= bits - 1) {
      ::close(static_cast<int>(word * 64) + __builtin_ctzll(bits));
    }
  }
}

void watch_forks() noexcept {
  static const int registered = pthread_atfork(nullptr, nullptr, in_child);
  static_cast<void>(registered);
}

// Where a program has closed its standard streams, everybody's output still goes to 0, 1 and 2.
int above_standard_streams(int fd) noexcept {
  if (fd < 0 || fd > STDERR_FILENO) return fd;
  const int above = ::fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  if (above < 0) return fd;
  ::close(fd);
  return above;
}

}  // namespace

UniqueFd::UniqueFd(int number) noexcept : fd_(above_standard_streams(number)) {
  const int fd = fd_;
  if (fd < 0 || fd >= kMostDescriptors) return;
  watch_forks();
  owned[static_cast<std::size_t>(fd) / 64].fetch_or(1ull << (fd % 64), std::memory_order_relaxed);
}

void UniqueFd::reset() noexcept {
  const int fd = std::exchange(fd_, -1);
  if (fd < 0) return;
  if (fd < kMostDescriptors) {
    const std::uint64_t bit = 1ull << (fd % 64);
    const auto before =
        owned[static_cast<std::size_t>(fd) / 64].fetch_and(~bit, std::memory_order_relaxed);
    // In a forked child the handler has closed it already, and the number may be somebody else's by
    // now.
    if ((before & bit) == 0) return;
  }
  ::close(fd);
}

bool in_forked_child() noexcept { return forked.load(std::memory_order_relaxed); }

}  // namespace hfreduce
