// Calls of one segment among ranks of one host, most of them small: the steps of a plan's only lane
// one after the other, laid out once without what the interpreter needs for segments, repetitions,
// links and claims.
#pragma once

#include <cstddef>
#include <cstdint>

#include "schedule/schedule.h"

namespace hfreduce::executor {

struct BoundPlace;
struct BoundPlan;
struct BoundStep;

// Bytes of a call that may go straight. Beyond, nothing is gained by it, and peers that sleep would
// be woken late: after a stretch of steps. Workers are not called either.
inline constexpr std::uint64_t kStraightUpTo = 256 << 10;

// What such calls ask of a step, again and again, in a cache line.
struct alignas(64) StraightStep {
  enum class Kind : std::uint8_t {
    kWait,    // for the flag of one peer
    kCredit,  // the same with a lag: what was seen once lasts
    kAccept,  // for the flags of all peers, which offer their buffers
    kCopy,    // one source to one destination
    kStage,   // the same, to where a peer reads it next
    kRead,    // a peer's input, mapped or not
    kReduce,
    kOffer,  // writes down where the own buffers are, before the flag is raised
    kSignal
  };
  Kind kind = Kind::kWait;
  bool whole = false;  // of the segment: all chunks
  std::uint8_t lag = 0;
  std::uint32_t wait = 0;  // kWait, kCredit: of BoundPlan::wait_lines
  schedule::Tick tick;
  std::uint32_t slots_mask = 0, stride = 0;  // the flag's slot: the tick's, under the mask
  union {
    const std::byte* awaited = nullptr;  // kWait, kCredit: the line of tick 0
    std::byte* raised;                   // kSignal
    const BoundPlace* from;              // kCopy, kStage
  };
  const BoundPlace* to = nullptr;   // kCopy, kStage
  const BoundStep* step = nullptr;  // in the plan's lane, with the rest

  std::size_t slot(std::uint64_t at) const noexcept { return (at & slots_mask) * stride; }
};

static_assert(sizeof(StraightStep) == 64);

// Writes plan->straight, in the order in which a call of one segment takes the steps; leaves it
// empty where the plan has to be interpreted. The plan is bound but for that.
void lay_straight(BoundPlan* plan);

}  // namespace hfreduce::executor
