// What a call comes down to, kept for the calls that a program makes again and again.
#pragma once

#include <array>
#include <cstdint>

#include "comm/options.h"
#include "executor/call.h"
#include "planner/planner.h"

namespace hfreduce::comm {

// What two calls must share to be alike: everything but where their buffers are.
struct CallShape {
  algorithms::Collective collective = algorithms::Collective::kAllReduce;
  kernels::DataType type = kernels::DataType::kFloat32;
  kernels::ReduceOp op = kernels::ReduceOp::kSum;
  std::int32_t root = -1;
  std::uint64_t count = 0;
};

// The same in two words, to be compared and looked for.
struct CallKey {
  std::uint64_t words[2] = {kNone, 0};
  bool operator==(const CallKey& other) const noexcept {
    return words[0] == other.words[0] && words[1] == other.words[1];
  }

  // Types and operations that there are not make a key that no call has.
  static constexpr std::uint64_t kNone = 0xffffff;
};
inline CallKey key_of(const CallShape& shape) noexcept {
  return {{std::uint64_t{static_cast<std::uint32_t>(shape.root)} << 32 |
               std::uint64_t{static_cast<std::uint8_t>(shape.collective)} << 16 |
               std::uint64_t{static_cast<std::uint8_t>(shape.op)} << 8 |
               std::uint64_t{static_cast<std::uint8_t>(shape.type)},
           shape.count}};
}

// One whose arguments were checked, but for its buffers.
struct PlannedCall {
  PlannedCall() noexcept { operation.state = executor::Operation::State::kDone; }

  CallKey key;  // none: nothing is here yet
  CallShape shape;
  bool reads_send = true;  // on this rank
  std::uint64_t bytes = 0;
  // But for its buffers, its scalar and its deadline: for others to become like, and for a call
  // that ends before the next one begins to use as it is.
  executor::Operation operation;
  planner::OffersPrivate offers_private = planner::OffersPrivate::kNever;  // for zero_copy

  // What the memory table said of the buffers of the latest of these calls.
  struct Looked {
    const std::byte *input = nullptr, *output = nullptr;
    std::uint64_t version = 0;  // of the table; 0: it was not asked
    transport::Offer offer;     // nothing: not all are there
  } looked;
};

// One place for each of a few shapes; a newcomer takes the place of who had it.
class RecentCalls {
 public:
  // Where a call with this key is to be: it is there if the key is.
  PlannedCall& place_of(const CallKey& key) noexcept {
    const std::uint64_t mixed = key.words[0] * 0xff51afd7ed558ccdull ^ key.words[1];
    return places_[mixed * 0x9e3779b97f4a7c15ull >> (64 - kPlacesLog2)];
  }

 private:
  static constexpr unsigned kPlacesLog2 = 6;

  std::array<PlannedCall, std::size_t{1} << kPlacesLog2> places_;
};

}  // namespace hfreduce::comm
