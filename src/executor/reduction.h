// One step's sum or copy, and the stores that suit where it goes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/cpu/reduce.h"
#include "kernels/cpu/stream_copy.h"

namespace hfreduce::executor {

// Of each kind, that are handed out in pieces; steps with more are done plainly.
inline constexpr std::size_t kMostOperands = 128;

struct Reduction {
  kernels::ReduceArgs args;
  kernels::ReduceFn reduce = nullptr;
  std::uint32_t element_bytes = 1;
  bool staging = false;      // one source, copied to where a peer reads it next
  bool past_caches = false;  // results, which nobody reads soon
};

// What is written need not be fetched first; a block that overwrites a source stays in the caches.
void store_past_caches(const Reduction& reduction) noexcept;

// `stores`: of the thread that carries it out.
inline void carry_out(const Reduction& reduction, kernels::StoreChoice* stores) noexcept {
  const kernels::ReduceArgs& args = reduction.args;
  if (reduction.staging)
    kernels::copy_to_peer(args.destinations[0], args.sources[0],
                          args.count * reduction.element_bytes, stores);
  else if (reduction.past_caches)
    store_past_caches(reduction);
  else
    reduction.reduce(args);
}

}  // namespace hfreduce::executor
