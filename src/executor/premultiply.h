// Sums of inputs that are multiplied first (docs/design/005-premultiplied-sums.md).
#pragma once

#include <cstdint>

#include "executor/call.h"

namespace hfreduce::executor {

// Writes `call.raw_input` times its scalar, rounded to the type, to the output: elements
// [begin, end). May be in place.
void premultiply(const Call& call, std::uint64_t begin, std::uint64_t end) noexcept;

}  // namespace hfreduce::executor
