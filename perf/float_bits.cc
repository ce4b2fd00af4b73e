#include "float_bits.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace hfreduce::perf {
namespace {

// A 16-bit or 8-bit float by its definition: `fraction_bits`, the exponent of its smallest normal
// value, and the magnitudes that are no finite numbers.
struct Narrow {
  int fraction_bits;
  int lowest_exponent;
  int sign_bit;
  int infinity;  // 0: there is none, and too much becomes the largest value
  int nan;

  std::uint64_t encode(double value) const {
    const int sign = std::signbit(value) ? sign_bit : 0;
    const int most = infinity != 0 ? infinity : nan - 1;
    if (std::isnan(value)) return static_cast<std::uint64_t>(nan);
    if (value == 0) return static_cast<std::uint64_t>(sign);
    if (std::isinf(value)) return static_cast<std::uint64_t>(sign | most);
    const int exponent = std::max(std::ilogb(value), lowest_exponent);
    const double units = std::nearbyint(std::ldexp(std::fabs(value), fraction_bits - exponent));
    const double binades = std::ldexp(exponent - lowest_exponent, fraction_bits);
    return static_cast<std::uint64_t>(sign |
                                      static_cast<int>(std::min<double>(units + binades, most)));
  }

  double decode(std::uint64_t bits) const {
    const int magnitude = static_cast<int>(bits) & (sign_bit - 1);
    const double sign = (static_cast<int>(bits) & sign_bit) != 0 ? -1 : 1;
    if (infinity != 0 && magnitude == infinity) return sign * HUGE_VAL;
    if (magnitude >= (infinity != 0 ? infinity : nan)) return std::nan("");
    const int exponent = magnitude >> fraction_bits;
    const int fraction = magnitude & ((1 << fraction_bits) - 1);
    const int lead = exponent == 0 ? 0 : 1 << fraction_bits;
    return sign *
           std::ldexp(lead + fraction, std::max(exponent, 1) - 1 + lowest_exponent - fraction_bits);
  }
};

constexpr Narrow kHalf = {10, -14, 0x8000, 0x7c00, 0x7e00};
constexpr Narrow kBrain = {7, -126, 0x8000, 0x7f80, 0x7fc0};
constexpr Narrow kE4m3 = {3, -6, 0x80, 0, 0x7f};
constexpr Narrow kE5m2 = {2, -14, 0x80, 0x7c, 0x7f};

const Narrow* narrow_of(hfreduceDataType_t type) {
  switch (type) {
    case hfreduceFloat16:
      return &kHalf;
    case hfreduceBfloat16:
      return &kBrain;
    case hfreduceFloat8e4m3:
      return &kE4m3;
    case hfreduceFloat8e5m2:
      return &kE5m2;
    default:
      return nullptr;
  }
}

}  // namespace

std::uint64_t float_to_bits(hfreduceDataType_t type, double value) {
  if (const Narrow* narrow = narrow_of(type)) return narrow->encode(static_cast<float>(value));
  if (type == hfreduceFloat32) return std::bit_cast<std::uint32_t>(static_cast<float>(value));
  return std::bit_cast<std::uint64_t>(value);
}

double float_from_bits(hfreduceDataType_t type, std::uint64_t bits) {
  if (const Narrow* narrow = narrow_of(type)) return narrow->decode(bits);
  if (type == hfreduceFloat32) return std::bit_cast<float>(static_cast<std::uint32_t>(bits));
  return std::bit_cast<double>(bits);
}

}  // namespace hfreduce::perf
