#include "executor/premultiply.h"

#include <algorithm>
#include <cstring>

namespace hfreduce::executor {

// By the kernel for products, whose second source is the scalar, over and over.
void premultiply(const Call& call, std::uint64_t begin, std::uint64_t end) noexcept {
  constexpr std::uint64_t kBlock = 4096;
  const std::uint64_t element = call.element_bytes, most = kBlock / element;
  alignas(64) std::byte scalars[kBlock];
  for (std::uint64_t i = 0; i < std::min(most, end - begin); ++i) {
    std::memcpy(scalars + i * element, &call.scalar, element);
  }
  for (std::uint64_t at = begin; at < end; at += most) {
    const void* const sources[] = {call.raw_input + at * element, scalars};
    void* const destination = call.output + at * element;
    kernels::ReduceArgs args;
    args.sources = sources;
    args.destinations = &destination;
    args.n_sources = 2;
    args.n_destinations = 1;
    args.count = std::min(most, end - at);
    call.multiply(args);
  }
}

}  // namespace hfreduce::executor
