// All 65,536 values of both 16-bit formats, against a reference that knows only their definition:
// precision, exponent range, and rounding to nearest even in double precision.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <unordered_map>
#include <vector>

#include "kernels/cpu/formats.h"
#include "kernels/cpu/reduce.h"

namespace hfreduce::kernels {
namespace {

struct Format {
  DataType type;
  int fraction_bits;
  int exponent_bits;
  std::uint16_t nan;

  int bias() const { return (1 << (exponent_bits - 1)) - 1; }
  int top_exponent() const { return (1 << exponent_bits) - 1; }
  bool is_nan(std::uint16_t bits) const {
    const int fraction = bits & ((1 << fraction_bits) - 1);
    return exponent_of(bits) == top_exponent() && fraction != 0;
  }
  int exponent_of(std::uint16_t bits) const { return (bits >> fraction_bits) & top_exponent(); }

  double decode(std::uint16_t bits) const {
    const double sign = (bits & 0x8000) != 0 ? -1.0 : 1.0;
    const int exponent = exponent_of(bits);
    const int fraction = bits & ((1 << fraction_bits) - 1);
    if (is_nan(bits)) return std::nan("");
    if (exponent == top_exponent()) return sign * HUGE_VAL;
    const int lead = exponent == 0 ? 0 : 1 << fraction_bits;
    return sign * std::ldexp(lead + fraction, std::max(exponent, 1) - bias() - fraction_bits);
  }

  std::uint16_t encode(double value) const {
    if (std::isnan(value)) return nan;
    const int sign = std::signbit(value) ? 0x8000 : 0;
    const int infinity = top_exponent() << fraction_bits;
    if (std::isinf(value)) return static_cast<std::uint16_t>(sign | infinity);
    if (value == 0) return static_cast<std::uint16_t>(sign);
    const int exponent = std::max(std::ilogb(value), 1 - bias());
    // In units of the last place; a carry into the next power of two comes out right by itself.
    const double units = std::nearbyint(std::ldexp(std::fabs(value), fraction_bits - exponent));
    const int bits = static_cast<int>(units) + ((exponent + bias() - 1) << fraction_bits);
    return static_cast<std::uint16_t>(sign | std::min(bits, infinity));
  }
};

const Format kHalf = {DataType::kFloat16, 10, 5, 0x7e00};
const Format kBrain = {DataType::kBfloat16, 7, 8, 0x7fc0};

std::vector<std::uint16_t> all_values() {
  std::vector<std::uint16_t> all(65536);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::uint16_t>(i);
  return all;
}

std::vector<const KernelTable*> usable_tables() {
  int count = 0;
  const KernelTable* const* tables = all_kernels(&count);
  std::vector<const KernelTable*> usable;
  for (int i = 0; i < count; ++i) {
    if (tables[i]->usable()) usable.push_back(tables[i]);
  }
  return usable;
}

TEST(Formats, AllValuesWidenExactlyAndComeBack) {
  for (const Format& format : {kHalf, kBrain}) {
    const bool half = format.type == DataType::kFloat16;
    for (const std::uint16_t bits : all_values()) {
      const float wide = half ? float_from_float16(bits) : float_from_bfloat16(bits);
      const std::uint16_t back = half ? float16_from_float(wide) : bfloat16_from_float(wide);
      if (format.is_nan(bits)) {
        ASSERT_TRUE(std::isnan(wide)) << bits;
        ASSERT_EQ(back, format.nan) << bits;
      } else {
        ASSERT_EQ(std::bit_cast<std::uint64_t>(double{wide}),
                  std::bit_cast<std::uint64_t>(format.decode(bits)))
            << bits;
        ASSERT_EQ(back, bits);
      }
    }
  }
}

// Every float32 that lies on, just below or just above a value or a tie of the format.
TEST(Formats, NarrowingRoundsToNearestEven) {
  for (const Format& format : {kHalf, kBrain}) {
    const bool half = format.type == DataType::kFloat16;
    for (const std::uint16_t bits : all_values()) {
      if (format.is_nan(bits)) continue;
      const float wide = half ? float_from_float16(bits) : float_from_bfloat16(bits);
      const auto at = std::bit_cast<std::uint32_t>(wide);
      for (const std::uint32_t step : {0u, 1u, 0xfffu, 0x1000u, 0x1001u, 0x1fffu, 0x7fffu, 0x8000u,
                                       0x8001u, 0xffffu, 0x400000u, 0x3fffffu, 0x400001u}) {
        const float value = std::bit_cast<float>(at + step);
        const std::uint16_t got = half ? float16_from_float(value) : bfloat16_from_float(value);
        ASSERT_EQ(got, format.encode(value)) << std::hex << at + step;
      }
    }
  }
}

double combine(ReduceOp op, double a, double b) {
  switch (op) {
    case ReduceOp::kProd:
      return a * b;
    case ReduceOp::kMax:
    case ReduceOp::kMin: {
      if (std::isnan(a) || std::isnan(b)) return std::nan("");
      const bool a_first = a < b || (a == b && std::signbit(a));
      return a_first == (op == ReduceOp::kMin) ? a : b;
    }
    default:
      return a + b;
  }
}

// Sum and product of two 16-bit floats, rounded from double to float32, are what float32 arithmetic
// gives: 53 bits are more than twice 24 and two.
TEST(Formats, AllValuesPairwiseThroughEveryTable) {
  const std::vector<std::uint16_t> left = all_values();
  for (const Format& format : {kHalf, kBrain}) {
    std::vector<double> values;
    for (const std::uint16_t bits : left) values.push_back(format.decode(bits));
    const auto one = static_cast<std::uint16_t>(format.bias() << format.fraction_bits);
    const auto infinity = static_cast<std::uint16_t>(format.top_exponent() << format.fraction_bits);
    const auto minus = [](int bits) { return static_cast<std::uint16_t>(bits | 0x8000); };
    const std::vector<std::uint16_t> partners = {
        0,
        0x8000,
        1,
        0x8001,
        3,
        one,
        minus(one),
        static_cast<std::uint16_t>(one + 1),
        static_cast<std::uint16_t>(infinity - 1),
        minus(infinity - 1),
        infinity,
        minus(infinity),
        0x7fff,
        static_cast<std::uint16_t>(1 << format.fraction_bits),
        0x2a53,
        0xd1e7};
    for (const std::uint16_t partner : partners) {
      const std::vector<std::uint16_t> right(left.size(), partner);
      const void* sources[] = {left.data(), right.data()};
      for (int op = 0; op <= static_cast<int>(ReduceOp::kAvg); ++op) {
        std::vector<std::uint16_t> expected;
        const bool average = static_cast<ReduceOp>(op) == ReduceOp::kAvg;
        for (const double value : values) {
          auto sum =
              static_cast<float>(combine(static_cast<ReduceOp>(op), value, format.decode(partner)));
          if (average) sum = static_cast<float>(double{sum} / 3.0);
          expected.push_back(format.encode(sum));
        }
        for (const KernelTable* table : usable_tables()) {
          std::vector<std::uint16_t> got(left.size());
          void* destination = got.data();
          ReduceArgs args;
          args.sources = sources;
          args.destinations = &destination;
          args.n_sources = 2;
          args.n_destinations = 1;
          args.count = got.size();
          args.divisor = average ? 3 : 0;
          table->reduce[static_cast<int>(format.type)][op](args);
          ASSERT_EQ(got, expected) << table->name << " " << name_of(format.type) << " "
                                   << name_of(static_cast<ReduceOp>(op)) << " " << partner;
        }
      }
    }
  }
}

}  // namespace
}  // namespace hfreduce::kernels
