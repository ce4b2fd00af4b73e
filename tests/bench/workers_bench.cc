// What workers gain: sums of two sources into one destination, alone and shared with workers, from
// 32 KiB on. Both take turns in every round; medians and how they compare.
//   workers_bench [workers [rounds [pause]]]: so many microseconds between two sums
#include <fmt/core.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "base/clock.h"
#include "base/relax.h"
#include "executor/shared_reduce.h"

namespace {

using namespace hfreduce;

constexpr std::size_t kMost = 32 << 20;

struct Buffers {
  std::vector<float> a = std::vector<float>(kMost / 4, 1.0f), b = a, sum = a;
};

void pause_for(Nanoseconds ns) {
  for (const Nanoseconds end = now_ns() + ns; now_ns() < end;) relax();
}

Nanoseconds time_of(executor::SharedReduce& shared, Buffers& buffers, std::size_t bytes) {
  const void* const sources[] = {buffers.a.data(), buffers.b.data()};
  void* const destination = buffers.sum.data();
  executor::Reduction sum;
  sum.args.sources = sources;
  sum.args.destinations = &destination;
  sum.args.n_sources = 2;
  sum.args.n_destinations = 1;
  sum.args.count = bytes / sizeof(float);
  sum.element_bytes = sizeof(float);
  sum.reduce = kernels::best_kernels().reduce[static_cast<int>(kernels::DataType::kFloat32)]
                                             [static_cast<int>(kernels::ReduceOp::kSum)];
  shared.begin_call(executor::kShareCallsFrom);
  const Nanoseconds start = now_ns();
  if (!shared.begin(sum)) {
    kernels::StoreChoice stores;
    executor::carry_out(sum, &stores);
    return now_ns() - start;
  }
  while (shared.work()) {
  }
  while (!shared.finish()) relax();
  return now_ns() - start;
}

double median(std::vector<Nanoseconds>& took) {
  const auto middle = took.begin() + static_cast<std::ptrdiff_t>(took.size() / 2);
  std::nth_element(took.begin(), middle, took.end());
  return static_cast<double>(*middle) / 1e3;
}

}  // namespace

int main(int argc, char** argv) {
  const int workers = argc > 1 ? std::atoi(argv[1]) : 1;
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 200;
  const Nanoseconds pause = argc > 3 ? std::atol(argv[3]) * 1000 : 0;
  executor::SharedReduce alone, shared;
  shared.hire(workers, {[](const void*) noexcept {}, nullptr});
  Buffers buffers;
  fmt::print("# sums of 2 float32 sources, {} workers, {} rounds, {} us apart: medians\n", workers,
             rounds, pause / 1000);
  fmt::print("{:>9} {:>10} {:>10} {:>6}\n", "bytes", "alone us", "shared us", "ratio");
  for (std::size_t bytes = 32 << 10; bytes <= kMost; bytes *= 2) {
    std::vector<Nanoseconds> one, all;
    const int turns =
        std::max(10, rounds / static_cast<int>(std::max<std::size_t>(1, bytes >> 20)));
    for (int turn = 0; turn < turns; ++turn) {
      one.push_back(time_of(alone, buffers, bytes));
      pause_for(pause);
      all.push_back(time_of(shared, buffers, bytes));
      pause_for(pause);
    }
    const double a = median(one), s = median(all);
    fmt::print("{:>9} {:>10.1f} {:>10.1f} {:>6.2f}\n", bytes, a, s, a / s);
  }
}
