#include "executor/reduction.h"

#include <algorithm>
#include <array>

namespace hfreduce::executor {
namespace {

// A destination that is the source has it already.
void copy_past_caches(const kernels::ReduceArgs& args, std::uint64_t bytes) noexcept {
  constexpr std::uint64_t kBlock = 64 << 10;  // the second destination finds the source in L2
  const auto* const source = static_cast<const std::byte*>(args.sources[0]);
  for (std::uint64_t at = 0; at < bytes; at += kBlock) {
    for (std::int32_t d = 0; d < args.n_destinations; ++d) {
      auto* const destination = static_cast<std::byte*>(args.destinations[d]);
      if (destination != source)
        kernels::copy_past_caches(destination + at, source + at, std::min(kBlock, bytes - at));
    }
  }
}

bool overwrites_a_source(const kernels::ReduceArgs& args) noexcept {
  const void* const* const sources_end = args.sources + args.n_sources;
  return std::any_of(args.destinations, args.destinations + args.n_destinations,
                     [&](const void* destination) {
                       return std::find(args.sources, sources_end, destination) != sources_end;
                     });
}

// Block by block in a place that stays in the first cache, and from there.
void sum_past_caches(const Reduction& reduction) noexcept {
  const kernels::ReduceArgs& all = reduction.args;
  alignas(64) std::byte sum[16 << 10];
  void* to = sum;
  std::array<const void*, kMostOperands> from;
  const std::uint64_t block = sizeof sum / reduction.element_bytes;
  for (std::uint64_t at = 0; at < all.count; at += block) {
    const std::uint64_t count = std::min(block, all.count - at);
    const std::uint64_t begin = at * reduction.element_bytes,
                        bytes = count * reduction.element_bytes;
    for (std::int32_t s = 0; s < all.n_sources; ++s)
      from[static_cast<std::size_t>(s)] = static_cast<const std::byte*>(all.sources[s]) + begin;
    reduction.reduce({from.data(), &to, all.n_sources, 1, count, all.divisor});
    for (std::int32_t d = 0; d < all.n_destinations; ++d)
      kernels::copy_past_caches(static_cast<std::byte*>(all.destinations[d]) + begin, sum, bytes);
  }
}

}  // namespace

void store_past_caches(const Reduction& reduction) noexcept {
  const kernels::ReduceArgs& args = reduction.args;
  if (args.n_sources == 1 && args.divisor == 0)
    copy_past_caches(args, args.count * reduction.element_bytes);
  else if (static_cast<std::size_t>(args.n_sources) > kMostOperands || overwrites_a_source(args))
    reduction.reduce(args);  // the lines are here, mostly
  else
    sum_past_caches(reduction);
}

}  // namespace hfreduce::executor
