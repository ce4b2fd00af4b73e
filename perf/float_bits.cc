#include "float_bits.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace hfreduce::perf {
namespace {

// A 16-bit float by its definition: `fraction_bits`, and the exponent of its smallest normal value.
struct Narrow {
  int fraction_bits;
  int lowest_exponent;
  int infinity;

  std::uint64_t encode(double value) const {
    const int sign = std::signbit(value) ? 0x8000 : 0;
    if (std::isnan(value)) return static_cast<std::uint64_t>(infinity | 1 << (fraction_bits - 1));
    if (value == 0) return static_cast<std::uint64_t>(sign);
    if (std::isinf(value)) return static_cast<std::uint64_t>(sign | infinity);
    const int exponent = std::max(std::ilogb(value), lowest_exponent);
    const double units = std::nearbyint(std::ldexp(std::fabs(value), fraction_bits - exponent));
    const int bits = static_cast<int>(units) + ((exponent - lowest_exponent) << fraction_bits);
    return static_cast<std::uint64_t>(sign | std::min(bits, infinity));
  }

  double decode(std::uint64_t bits) const {
    const int magnitude = static_cast<int>(bits & 0x7fff);
    const double sign = (bits & 0x8000) != 0 ? -1 : 1;
    if (magnitude > infinity) return std::nan("");
    if (magnitude == infinity) return sign * HUGE_VAL;
    const int exponent = magnitude >> fraction_bits;
    const int fraction = magnitude & ((1 << fraction_bits) - 1);
    const int lead = exponent == 0 ? 0 : 1 << fraction_bits;
    return sign *
           std::ldexp(lead + fraction, std::max(exponent, 1) - 1 + lowest_exponent - fraction_bits);
  }
};

constexpr Narrow kHalf = {10, -14, 0x7c00};
constexpr Narrow kBrain = {7, -126, 0x7f80};

}  // namespace

std::uint64_t float_to_bits(hfreduceDataType_t type, double value) {
  switch (type) {
    case hfreduceFloat16:
      return kHalf.encode(static_cast<float>(value));
    case hfreduceBfloat16:
      return kBrain.encode(static_cast<float>(value));
    case hfreduceFloat32:
      return std::bit_cast<std::uint32_t>(static_cast<float>(value));
    default:
      return std::bit_cast<std::uint64_t>(value);
  }
}

double float_from_bits(hfreduceDataType_t type, std::uint64_t bits) {
  switch (type) {
    case hfreduceFloat16:
      return kHalf.decode(bits);
    case hfreduceBfloat16:
      return kBrain.decode(bits);
    case hfreduceFloat32:
      return std::bit_cast<float>(static_cast<std::uint32_t>(bits));
    default:
      return std::bit_cast<double>(bits);
  }
}

}  // namespace hfreduce::perf
