// Time, read from the monotonic clock in nanoseconds.
#pragma once

#include <chrono>
#include <cstdint>
#include <ctime>
#include <limits>

namespace hfreduce {

using Nanoseconds = std::int64_t;

inline Nanoseconds now_ns() noexcept {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<Nanoseconds>(t.tv_sec) * 1'000'000'000 + t.tv_nsec;
}

// A point in time by which something must have happened.
class Deadline {
 public:
  static Deadline never() noexcept { return Deadline(std::numeric_limits<Nanoseconds>::max()); }
  static Deadline after_ms(std::int64_t ms) noexcept { return Deadline(now_ns() + ms * 1'000'000); }

  bool passed() const noexcept { return at_ != never().at_ && now_ns() >= at_; }
  Nanoseconds at() const noexcept { return at_; }
  // What is left, rounded up, at least 0 and at most `most`: fit for poll and epoll_wait.
  int left_ms(int most = 1'000'000) const noexcept {
    if (at_ == never().at_) return most;
    const Nanoseconds left = at_ - now_ns();
    if (left <= 0) return 0;
    const Nanoseconds ms = (left + 999'999) / 1'000'000;
    return ms < most ? static_cast<int>(ms) : most;
  }

 private:
  explicit Deadline(Nanoseconds at) noexcept : at_(at) {}
  Nanoseconds at_;
};

}  // namespace hfreduce
