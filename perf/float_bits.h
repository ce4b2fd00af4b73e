// Floats of all widths as bits.
#pragma once

#include <cstdint>

#include "kinds.h"

namespace hfreduce::perf {

// To nearest even. 16-bit and 8-bit formats are rounded from float32.
std::uint64_t float_to_bits(hfreduceDataType_t type, double value);
double float_from_bits(hfreduceDataType_t type, std::uint64_t bits);

}  // namespace hfreduce::perf
