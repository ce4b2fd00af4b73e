// Work that whoever is running does for all.
#include <algorithm>
#include <span>

#include "executor/claim_word.h"
#include "executor/run.h"

namespace hfreduce::executor {
namespace {

// Of the data, in one piece: less costs more in moving the word from core to core than it saves.
constexpr std::uint64_t kLeastClaim = 32 * 1024;

// Iterations begin with 0.
std::uint64_t in_hand(std::uint64_t iteration) noexcept { return iteration + 1; }

}  // namespace

// A piece a visit: between two of them an abort is heard.
bool Run::claim(LaneState& state, const BoundStep& step, const Here& here) noexcept {
  ClaimWord& word = step.claims.count->value;
  const auto chunks = static_cast<std::uint32_t>(step.chunks.count);
  if (all_done(word, here.iteration, chunks)) return true;
  const std::uint64_t chunk_bytes = std::max<std::uint64_t>(1, here.quantum * call_->element_bytes);
  const auto most = static_cast<std::uint32_t>(
      std::min<std::uint64_t>(chunks, (kLeastClaim + chunk_bytes - 1) / chunk_bytes));
  // Said before it is true, so that it is never true and not said.
  std::atomic<std::uint64_t>& says = step.claims.mine->tag;
  says.store(in_hand(here.iteration), std::memory_order_relaxed);
  const Claim taken = take(word, here.iteration, chunks, most);
  if (taken.count != 0) {
    const Extent part =
        extent(static_cast<std::uint64_t>(step.chunks.base) + taken.first, taken.count, here);
    if (part.count != 0) carry_out(reduction_of(step, operands_of(step, here, part)), &stores_);
    give(word, taken.count);
    state.copied += taken.count;
  }
  says.store(0, std::memory_order_relaxed);
  if (!all_done(word, here.iteration, chunks)) return false;
  if (taken.count != 0) ring(step.signal);
  return true;
}

bool Run::nothing_left(const LaneState& state) const noexcept {
  if (straight_) return false;  // nothing is claimed
  const auto& steps = state.lane->steps;
  const auto step =
      std::find_if(steps.begin() + state.at, steps.end(),
                   [](const BoundStep& candidate) { return candidate.op == schedule::Op::kClaim; });
  return step != steps.end() && all_done(step->claims.count->value, base_ + state.turn - step->skew,
                                         static_cast<std::uint32_t>(step->chunks.count));
}

std::int32_t Run::claimer(const LaneState& state, const BoundStep& step) const noexcept {
  const std::uint64_t iteration = base_ + state.turn - step.skew;
  for (const WaitLine& peer :
       std::span(plan_->wait_lines).subspan(step.waits.begin, step.waits.count))
    if (reinterpret_cast<const transport::Flag*>(peer.line)->tag.load(std::memory_order_relaxed) ==
        in_hand(iteration))
      return peer.peer;
  return -1;
}

}  // namespace hfreduce::executor
