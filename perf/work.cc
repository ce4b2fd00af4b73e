#include "work.h"

#include <algorithm>

#include "clock.h"

namespace hfreduce::perf {
namespace {

constexpr double kLongEnoughUs = 500;
constexpr int kTimes = 5;

}  // namespace

void Work::run(std::uint64_t steps) noexcept {
  for (std::uint64_t step = 0; step < steps; ++step) {
    for (double& value : values_) value = value * 0.999 + 1;
    // The compiler has to believe that somebody looks at each step.
    asm volatile("" : : "r"(values_.data()) : "memory");
  }
}

double Work::steps_per_us() {
  double best = 0;
  std::uint64_t steps = 1000;
  for (int i = 0; i < kTimes;) {
    const std::int64_t begin = now_ns();
    run(steps);
    const double us = us_since(begin);
    best = std::max(best, static_cast<double>(steps) / std::max(us, 1e-3));
    if (us < kLongEnoughUs) {
      steps *= 2;
    } else {
      ++i;
    }
  }
  return best;
}

}  // namespace hfreduce::perf
