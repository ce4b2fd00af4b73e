// What many ranks count in together: which chunks of an iteration are taken, and how many of them
// are done. One word, so that nobody ever sees one without the other; it only grows, and nobody has
// to set it back: who takes the first chunk of a later iteration counts that one from nothing. (An
// iteration may be passed over: a plan that was declined has claimed nothing.)
//
//   bits 63..16 iteration + 1     15..8 chunks taken     7..0 chunks done
//
// Nobody comes to an iteration before all chunks of the one before are done: the claim step waits.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "schedule/schedule.h"

namespace hfreduce::executor {

using ClaimWord = std::atomic<std::uint64_t>;
static_assert(schedule::kMostClaimed <= 0xff);

// Chunks first .. first+count-1.
struct Claim {
  std::uint32_t first = 0, count = 0;
};

namespace claim_bits {
inline std::uint64_t fresh(std::uint64_t iteration) noexcept { return (iteration + 1) << 16; }
inline std::uint32_t taken(std::uint64_t word) noexcept {
  return static_cast<std::uint32_t>(word >> 8 & 0xff);
}
}  // namespace claim_bits

// Whether all `chunks` of the iteration are done. If so, what was done is visible.
inline bool all_done(const ClaimWord& word, std::uint64_t iteration,
                     std::uint32_t chunks) noexcept {
  return word.load(std::memory_order_acquire) >=
         (claim_bits::fresh(iteration) | chunks << 8 | chunks);
}

// Takes up to `most` chunks that nobody has; none when there are none. Whatever the word holds,
// they are chunks of the `chunks`.
inline Claim take(ClaimWord& word, std::uint64_t iteration, std::uint32_t chunks,
                  std::uint32_t most) noexcept {
  std::uint64_t seen = word.load(std::memory_order_relaxed);
  for (;;) {
    const std::uint64_t now = std::max(seen, claim_bits::fresh(iteration));
    const std::uint32_t first = claim_bits::taken(now);
    if (now >> 16 != iteration + 1 || first >= chunks) return {};
    const std::uint32_t count = std::min(most, chunks - first);
    if (word.compare_exchange_weak(seen, now + (std::uint64_t{count} << 8),
                                   std::memory_order_relaxed))
      return {first, count};
  }
}

// What was taken is done. Makes it visible to who sees all done.
inline void give(ClaimWord& word, std::uint32_t count) noexcept {
  word.fetch_add(count, std::memory_order_release);
}

}  // namespace hfreduce::executor
