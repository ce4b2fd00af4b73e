// A computation that can be made as long as one likes: arithmetic on a few lines of cache, so that
// it takes a core but neither memory bandwidth nor the caches from what runs beside it.
#pragma once

#include <array>
#include <cstdint>

namespace hfreduce::perf {

class Work {
 public:
  // One step takes about as long as two cache lines take from core to core.
  void run(std::uint64_t steps) noexcept;
  // Steps in a microsecond where nobody else uses the core.
  double steps_per_us();

 private:
  std::array<double, 64> values_{};
};

}  // namespace hfreduce::perf
