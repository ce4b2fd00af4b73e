#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <string>

#include "float_bits.h"
#include "kernels/cpu/reduce.h"
#include "pattern.h"

namespace hfreduce::perf {
namespace {

Pattern allreduce(const char* type, const char* op, int ranks, std::uint64_t salt = 1) {
  return {Collective::kAllReduce, find_type(type), find_op(op), ranks, 0, salt};
}

// By name: the numbers of the inside are dense, and those of hfreduce.h are not.
template <typename Kernel>
int inside_number(std::string_view name, int count) {
  for (int i = 0; i < count; ++i) {
    if (kernels::name_of(static_cast<Kernel>(i)) == name) return i;
  }
  ADD_FAILURE() << "no kernel is called " << name;
  return 0;
}

// Reduces `inputs` with the library's portable kernels.
std::vector<std::byte> reduce(const Pattern& p, const std::vector<std::vector<std::byte>>& inputs,
                              bool last) {
  int count = 0;
  const kernels::KernelTable& table = *kernels::all_kernels(&count)[0];
  std::vector<const void*> sources;
  for (const auto& input : inputs) sources.push_back(input.data());
  std::vector<std::byte> result(inputs[0].size());
  void* destination = result.data();
  kernels::ReduceArgs args;
  args.sources = sources.data();
  args.destinations = &destination;
  args.n_sources = static_cast<std::int32_t>(inputs.size());
  args.n_destinations = 1;
  args.count = result.size() / p.type->size;
  args.divisor = last && p.op->value == hfreduceAvg ? p.ranks : 0;
  table.reduce[inside_number<kernels::DataType>(p.type->name, kernels::kDataTypes)]
              [inside_number<kernels::ReduceOp>(p.op->name, kernels::kReduceOps)](args);
  return result;
}

// The promise of a pattern: whatever the order of the ranks, and however often the result is
// rounded on the way, the bits are the expected ones.
TEST(PatternTest, ExpectedWhateverTheOrder) {
  constexpr std::size_t kCount = 997;
  for (const TypeInfo& type : all_types()) {
    for (const OpInfo& op : all_ops()) {
      if (!applies(op, type)) continue;
      for (const int ranks : {1, 2, 3, 8, 64, 300}) {
        const Pattern p = {Collective::kAllReduce, &type, &op, ranks, 0, 7};
        const std::vector<std::byte> expected = expected_period(p, kCount);
        std::vector<std::byte> rising = input_period(p, 0, kCount);
        std::vector<std::byte> falling = input_period(p, ranks - 1, kCount);
        for (int r = 1; r < ranks; ++r) {  // one hop a rank: as many roundings as there can be
          rising = reduce(p, {rising, input_period(p, r, kCount)}, r == ranks - 1);
          falling = reduce(p, {input_period(p, ranks - 1 - r, kCount), falling}, r == ranks - 1);
        }
        ASSERT_EQ(rising, expected) << type.name << " " << op.name << " " << ranks;
        ASSERT_EQ(falling, expected) << type.name << " " << op.name << " " << ranks;
      }
    }
  }
}

TEST(PatternTest, AMissingContributionShows) {
  for (const TypeInfo& type : all_types()) {
    const Pattern p = {Collective::kAllReduce, &type, find_op("sum"), 8, 0, 3};
    std::vector<std::vector<std::byte>> inputs;
    for (int r = 0; r < 7; ++r) inputs.push_back(input_period(p, r, kPeriod));
    const Wrong wrong = compare(expected_period(p, kPeriod), reduce(p, inputs, true), type.size);
    // Of truth only where the missing rank was the one that decides.
    const bool decided_by_one = type.number == Number::kBool;
    EXPECT_GT(wrong.count, decided_by_one ? kPeriod / 20 : kPeriod * 9 / 10) << type.name;
  }
}

TEST(PatternTest, AnotherSaltIsAnotherResult) {
  const std::vector<std::byte> one = expected_period(allreduce("float32", "sum", 4, 1), kPeriod);
  const std::vector<std::byte> two = expected_period(allreduce("float32", "sum", 4, 2), kPeriod);
  EXPECT_GT(compare(one, two, 4).count, kPeriod / 2);
}

TEST(PatternTest, BroadcastIsTheRootsInput) {
  const Pattern p = {Collective::kBroadcast, find_type("float16"), nullptr, 4, 2, 5};
  EXPECT_EQ(expected_period(p, 100), input_period(p, 2, 100));
  EXPECT_NE(expected_period(p, 100), input_period(p, 1, 100));
}

TEST(PatternTest, RepeatsAndFindsWhatIsWrong) {
  const Pattern p = allreduce("int32", "sum", 2);
  const std::size_t count = 3 * kPeriod + 5;
  const std::vector<std::byte> period = expected_period(p, count);
  ASSERT_EQ(period.size(), kPeriod * 4);
  std::vector<std::byte> buffer(count * 4);
  repeat(period, buffer);
  EXPECT_EQ(compare(period, buffer, 4).count, 0u);
  const std::size_t places[] = {kPeriod + 17, 3 * kPeriod + 4};
  for (const std::size_t place : places) buffer[4 * place] ^= std::byte{1};
  const Wrong wrong = compare(period, buffer, 4);
  EXPECT_EQ(wrong.count, 2u);
  EXPECT_EQ(wrong.index, kPeriod + 17);
  EXPECT_EQ(wrong.expected, expected_bits(p, 17));
  EXPECT_EQ(wrong.got, expected_bits(p, 17) ^ 1u);
}

TEST(PatternTest, DataMovedByAPowerOfTwoShows) {
  const Pattern p = allreduce("float32", "sum", 2);
  std::vector<std::byte> buffer(1 << 20), moved(1 << 20);
  repeat(expected_period(p, buffer.size() / 4), buffer);
  for (std::size_t distance = 4; distance < buffer.size(); distance *= 2) {
    std::memcpy(moved.data(), buffer.data() + distance, buffer.size() - distance);
    std::memcpy(moved.data() + buffer.size() - distance, buffer.data(), distance);
    EXPECT_GT(compare(expected_period(p, buffer.size() / 4), moved, 4).count, 0u) << distance;
  }
}

TEST(PatternTest, NothingIsRight) {
  const Pattern p = allreduce("float32", "sum", 2);
  EXPECT_TRUE(expected_period(p, 0).empty());
  EXPECT_EQ(compare({}, {}, 4).count, 0u);
  repeat({}, {});
}

TEST(FloatBits, SixteenBitFormatsComeBack) {
  for (const hfreduceDataType_t type : {hfreduceFloat16, hfreduceBfloat16}) {
    for (std::uint64_t bits = 0; bits < 65536; ++bits) {
      const double value = float_from_bits(type, bits);
      if (std::isnan(value)) continue;
      ASSERT_EQ(float_to_bits(type, value), bits);
    }
  }
  EXPECT_EQ(float_to_bits(hfreduceFloat16, 1.0 / 3), 0x3555u);
  EXPECT_EQ(float_to_bits(hfreduceBfloat16, 1.0 / 3), 0x3eabu);
  EXPECT_EQ(float_to_bits(hfreduceFloat16, 1e6), 0x7c00u);
}

TEST(FloatBits, EightBitFormatsComeBack) {
  for (const hfreduceDataType_t type : {hfreduceFloat8e4m3, hfreduceFloat8e5m2}) {
    int numbers = 0;
    for (std::uint64_t bits = 0; bits < 256; ++bits) {
      const double value = float_from_bits(type, bits);
      if (std::isnan(value)) continue;
      ++numbers;
      ASSERT_EQ(float_to_bits(type, value), bits);
    }
    EXPECT_EQ(numbers, type == hfreduceFloat8e4m3 ? 254 : 250);
  }
  EXPECT_EQ(float_to_bits(hfreduceFloat8e4m3, 1.0 / 3), 0x2bu);
  EXPECT_EQ(float_to_bits(hfreduceFloat8e4m3, -1e6), 0xfeu);
  EXPECT_EQ(float_to_bits(hfreduceFloat8e5m2, 1e6), 0x7cu);
  EXPECT_EQ(float_from_bits(hfreduceFloat8e4m3, 0x7e), 448);
}

TEST(KindsTest, OperationsApplyWhereTheyMeanSomething) {
  EXPECT_TRUE(applies(*find_op("avg"), *find_type("f8e4m3")));
  EXPECT_FALSE(applies(*find_op("band"), *find_type("float8_e5m2")));
  EXPECT_TRUE(applies(*find_op("bxor"), *find_type("int16")));
  EXPECT_TRUE(applies(*find_op("bxor"), *find_type("bool")));
  EXPECT_FALSE(applies(*find_op("avg"), *find_type("bool")));
}

TEST(FloatBits, ShownForPeople) {
  EXPECT_EQ(show_element(*find_type("float32"), 0x40400000), "3 (0x40400000)");
  EXPECT_EQ(show_element(*find_type("int8"), 0xff), "-1 (0xff)");
  EXPECT_EQ(show_element(*find_type("uint8"), 0xff), "255 (0xff)");
}

}  // namespace
}  // namespace hfreduce::perf
