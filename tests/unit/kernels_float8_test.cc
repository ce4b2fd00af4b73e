// All 256 values of both 8-bit floats, against a reference that knows only the definition of the
// formats: it rounds by looking for the nearest of all values.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "kernels/cpu/formats.h"
#include "kernels/cpu/reduce.h"

namespace hfreduce::kernels {
namespace {

struct Format {
  DataType type;
  int fraction_bits, bias, top;  // top: the first magnitude that is no number
  bool has_infinity;
  float (*widen)(std::uint8_t) noexcept;
  std::uint8_t (*narrow)(float) noexcept;

  // What a magnitude would be if all of them were numbers.
  double magnitude(int code) const {
    const int exponent = code >> fraction_bits, fraction = code & ((1 << fraction_bits) - 1);
    const int lead = exponent == 0 ? 0 : 1 << fraction_bits;
    return std::ldexp(lead + fraction, std::max(exponent, 1) - bias - fraction_bits);
  }
  double decode(int code) const {
    const int low = code & 0x7f;
    const double sign = (code & 0x80) != 0 ? -1 : 1;
    if (low < top) return sign * magnitude(low);
    return has_infinity && low == top ? sign * HUGE_VAL : std::nan("");
  }
  // To the nearest, to the even one of two. What reaches `top` has left the numbers: it becomes an
  // infinity or, where there is none, the largest number.
  std::uint8_t encode(double value) const {
    if (std::isnan(value)) return 0x7f;
    const int sign = std::signbit(value) ? 0x80 : 0;
    const double size = std::fabs(value);
    int above = 0;
    while (above <= top && magnitude(above) < size) ++above;
    int best = std::min(above, top);
    if (above > 0 && above <= top) {
      const double up = magnitude(above) - size, down = size - magnitude(above - 1);
      if (down < up || (down == up && above % 2 == 1)) best = above - 1;
    }
    if (best == top && !has_infinity) best = top - 1;
    return static_cast<std::uint8_t>(sign | best);
  }
};

const Format kFormats[] = {
    {DataType::kFloat8E4m3, 3, 7, 0x7f, false, float_from_float8<Float8E4m3Format>,
     float8_from_float<Float8E4m3Format>},
    {DataType::kFloat8E5m2, 2, 15, 0x7c, true, float_from_float8<Float8E5m2Format>,
     float8_from_float<Float8E5m2Format>}};

std::vector<const KernelTable*> usable_tables() {
  int count = 0;
  const KernelTable* const* tables = all_kernels(&count);
  std::vector<const KernelTable*> usable;
  for (int i = 0; i < count; ++i) {
    if (tables[i]->usable()) usable.push_back(tables[i]);
  }
  return usable;
}

using Codes = std::vector<std::uint8_t>;

Codes reduce_with(const KernelTable& table, DataType type, ReduceOp op,
                  const std::vector<Codes>& in, std::int64_t divisor = 0) {
  Codes out(in[0].size());
  std::vector<const void*> sources;
  for (const Codes& codes : in) sources.push_back(codes.data());
  void* destination = out.data();
  ReduceArgs args;
  args.sources = sources.data();
  args.destinations = &destination;
  args.n_sources = static_cast<std::int32_t>(in.size());
  args.n_destinations = 1;
  args.count = out.size();
  args.divisor = divisor;
  table.reduce[static_cast<int>(type)][static_cast<int>(op)](args);
  return out;
}

TEST(Float8, ValuesThatTheSpecificationNames) {
  EXPECT_EQ(kFormats[0].widen(0x7e), 448.0f);
  EXPECT_EQ(kFormats[0].widen(0x08), 0x1p-6f);
  EXPECT_EQ(kFormats[0].widen(0x01), 0x1p-9f);
  EXPECT_EQ(kFormats[1].widen(0x7b), 57344.0f);
  EXPECT_EQ(kFormats[1].widen(0x04), 0x1p-14f);
  EXPECT_EQ(kFormats[1].widen(0x01), 0x1p-16f);
  EXPECT_EQ(kFormats[1].widen(0xfc), -HUGE_VALF);
}

TEST(Float8, AllValuesWidenExactlyAndComeBack) {
  for (const Format& format : kFormats) {
    for (int code = 0; code < 256; ++code) {
      const float wide = format.widen(static_cast<std::uint8_t>(code));
      if (std::isnan(format.decode(code))) {
        ASSERT_EQ(std::bit_cast<std::uint32_t>(wide) & 0x7fffffffu, kCanonicalNan32) << code;
        ASSERT_EQ(format.narrow(wide), 0x7f) << code;
      } else {
        ASSERT_EQ(std::bit_cast<std::uint64_t>(double{wide}),
                  std::bit_cast<std::uint64_t>(format.decode(code)))
            << code;
        ASSERT_EQ(format.narrow(wide), code);
      }
    }
  }
}

TEST(Float8, NarrowingRoundsToTheNearestAndToEven) {
  for (const Format& format : kFormats) {
    for (int code = 0; code <= format.top; ++code) {
      const auto low = static_cast<float>(format.magnitude(code));
      const auto high = static_cast<float>(format.magnitude(code + 1));
      const float middle = (low + high) / 2;
      for (const float value : {low, std::nextafter(low, high), std::nextafter(middle, low), middle,
                                std::nextafter(middle, high), std::nextafter(high, low), high}) {
        ASSERT_EQ(format.narrow(value), format.encode(value)) << value;
        ASSERT_EQ(format.narrow(-value), format.encode(-value)) << -value;
      }
    }
    for (const float huge : {1e6f, 3e38f, HUGE_VALF}) {
      ASSERT_EQ(format.narrow(huge), format.has_infinity ? 0x7c : 0x7e);
      ASSERT_EQ(format.narrow(-huge), format.has_infinity ? 0xfc : 0xfe);
    }
    for (const float tiny : {0x1p-30f, 0x1p-126f, 0x1p-149f}) {
      ASSERT_EQ(format.narrow(tiny), 0);
      ASSERT_EQ(format.narrow(-tiny), 0x80);
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

// Each with each; and a third, so that what is rounded has more bits than two can give.
TEST(Float8, AllPairsThroughEveryTable) {
  constexpr int kThirds[] = {0, 0x01, 0x35, 0x9b, 0x3c};
  Codes left, right;
  for (int pair = 0; pair < 65536; ++pair) {
    left.push_back(static_cast<std::uint8_t>(pair >> 8));
    right.push_back(static_cast<std::uint8_t>(pair));
  }
  for (const Format& format : kFormats) {
    for (int op = 0; op <= static_cast<int>(ReduceOp::kAvg); ++op) {
      const auto reduce_op = static_cast<ReduceOp>(op);
      for (const int third : kThirds) {
        std::vector<Codes> in = {left, right};
        if (third != 0) in.emplace_back(left.size(), static_cast<std::uint8_t>(third));
        const std::int64_t divisor = reduce_op == ReduceOp::kAvg && third != 1 ? 3 : 0;
        Codes expected;
        std::unordered_map<float, std::uint8_t> encoded;  // slow to find, and few
        for (std::size_t i = 0; i < left.size(); ++i) {
          auto sum = static_cast<float>(
              combine(reduce_op, format.decode(left[i]), format.decode(right[i])));
          if (third != 0) sum = static_cast<float>(combine(reduce_op, sum, format.decode(third)));
          if (divisor != 0) sum /= 3;
          const float key = std::isnan(sum) ? 1e30f : sum;
          if (sum == 0 || encoded.count(key) == 0) encoded[key] = format.encode(sum);
          expected.push_back(encoded[key]);
        }
        for (const KernelTable* table : usable_tables()) {
          ASSERT_EQ(reduce_with(*table, format.type, reduce_op, in, divisor), expected)
              << table->name << " " << name_of(format.type) << " " << name_of(reduce_op) << " and "
              << third;
        }
      }
    }
  }
}

TEST(Float8, SumsAreRoundedOnceAndOverflowAsTorchConverts) {
  for (const KernelTable* table : usable_tables()) {
    const auto sum = [&](DataType type, const Codes& codes) {
      std::vector<Codes> in;
      for (const std::uint8_t code : codes) in.push_back({code});
      return reduce_with(*table, type, ReduceOp::kSum, in)[0];
    };
    // 16 + 1 + 1: rounded after each addition it would stay 16.
    EXPECT_EQ(sum(DataType::kFloat8E4m3, {0x58, 0x38, 0x38}), 0x59) << table->name;
    EXPECT_EQ(sum(DataType::kFloat8E5m2, {0x48, 0x3c, 0x3c}), 0x49);
    EXPECT_EQ(sum(DataType::kFloat8E4m3, {0x7e, 0x7e}), 0x7e) << "sticks to 448";
    EXPECT_EQ(sum(DataType::kFloat8E4m3, {0xfe, 0xfe}), 0xfe);
    EXPECT_EQ(sum(DataType::kFloat8E4m3, {0xfe, 0xff}), 0x7f);
    EXPECT_EQ(sum(DataType::kFloat8E4m3, {0x7e, 0x7e, 0xfe}), 0x7e) << "back in range in float32";
    EXPECT_EQ(sum(DataType::kFloat8E5m2, {0x7b, 0x7b}), 0x7c);
    EXPECT_EQ(sum(DataType::kFloat8E5m2, {0xfb, 0xfb}), 0xfc);
    EXPECT_EQ(sum(DataType::kFloat8E5m2, {0x7c, 0xfc}), 0x7f);
  }
}

}  // namespace
}  // namespace hfreduce::kernels
