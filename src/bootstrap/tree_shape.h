// The shape of the control tree: rank 0 on top, 32 children each. 10,000 ranks are three levels.
//
//                    0
//        1     2    ...    32
//      33..64  65..96  ...
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace hfreduce::bootstrap {

constexpr std::int32_t kFanOut = 32;

constexpr std::int32_t parent_of(std::int32_t rank) {
  return rank == 0 ? -1 : (rank - 1) / kFanOut;
}

inline std::vector<std::int32_t> children_of(std::int32_t rank, std::int32_t ranks) {
  std::vector<std::int32_t> children;
  const std::int64_t first = std::int64_t{rank} * kFanOut + 1;
  for (std::int64_t child = first; child < std::min<std::int64_t>(first + kFanOut, ranks);
       ++child) {
    children.push_back(static_cast<std::int32_t>(child));
  }
  return children;
}

// Whether `rank` is `top` or below it.
constexpr bool is_below(std::int32_t rank, std::int32_t top) {
  while (rank > top) rank = parent_of(rank);
  return rank == top;
}

}  // namespace hfreduce::bootstrap
