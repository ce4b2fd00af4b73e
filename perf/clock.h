#pragma once

#include <cstdint>
#include <ctime>

namespace hfreduce::perf {

// Monotonic, the same for all processes of a host.
inline std::int64_t now_ns() noexcept {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<std::int64_t>(t.tv_sec) * 1'000'000'000 + t.tv_nsec;
}
inline double us_since(std::int64_t begin_ns) noexcept {
  return static_cast<double>(now_ns() - begin_ns) / 1e3;
}

}  // namespace hfreduce::perf
