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
  bool operator==(const CallShape&) const = default;
};

struct PlannedCall {
  CallShape shape;
  executor::Call call;               // but for its buffers, its scalar and its deadline
  executor::Route route, zero_copy;  // as in Operation
  planner::OffersPrivate offers_private = planner::OffersPrivate::kNever;  // for zero_copy
  bool planned = false;  // else nothing is here yet

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
  // Where a call of this shape is to be: it is there if it is planned and of this shape.
  PlannedCall& place_of(const CallShape& shape) noexcept { return places_[place(shape)]; }

 private:
  static constexpr unsigned kPlacesLog2 = 6;

  static std::size_t place(const CallShape& shape) noexcept {
    const std::uint64_t mixed = shape.count ^
                                std::uint64_t{static_cast<std::uint32_t>(shape.root)} << 32 ^
                                std::uint64_t{static_cast<std::uint8_t>(shape.type)} << 56 ^
                                std::uint64_t{static_cast<std::uint8_t>(shape.op)} << 48;
    return mixed * 0x9e3779b97f4a7c15ull >> (64 - kPlacesLog2);
  }

  std::array<PlannedCall, std::size_t{1} << kPlacesLog2> places_;
};

}  // namespace hfreduce::comm
