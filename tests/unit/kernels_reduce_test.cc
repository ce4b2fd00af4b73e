// Every table against the portable one, bit for bit; and the portable one against arithmetic that
// is written down here once more.
#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "kernels/cpu/formats.h"
#include "kernels/cpu/reduce.h"

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace hfreduce::kernels {
namespace {

using Bytes = std::vector<std::byte>;

std::vector<const KernelTable*> usable_tables() {
  int count = 0;
  const KernelTable* const* tables = all_kernels(&count);
  std::vector<const KernelTable*> usable;
  for (int i = 0; i < count; ++i) {
    if (tables[i]->usable()) usable.push_back(tables[i]);
  }
  return usable;
}

const KernelTable& portable() { return *usable_tables().front(); }

// Random bits, a third of them replaced by values where arithmetic has corners.
template <typename Word>
void fill_words(std::byte* to, std::size_t count, const std::vector<Word>& corners,
                std::mt19937_64& random) {
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t r = random();
    auto word = static_cast<Word>(r >> 8);
    if (r % 3 == 0) word = corners[(r >> 8) % corners.size()];
    std::memcpy(to + i * sizeof(Word), &word, sizeof(Word));
  }
}

void fill(std::byte* to, std::size_t count, DataType type, std::mt19937_64& random) {
  switch (type) {
    case DataType::kFloat16:
      return fill_words<std::uint16_t>(to, count,
                                       {0, 0x8000, 1, 0x8001, 0x3ff, 0x400, 0x7bff, 0xfbff, 0x7c00,
                                        0xfc00, 0x7c01, 0xfe00, 0x7fff, 0x3c00, 0xbc00, 0x7801},
                                       random);
    case DataType::kBfloat16:
      return fill_words<std::uint16_t>(to, count,
                                       {0, 0x8000, 1, 0x8001, 0x7f, 0x80, 0x7f7f, 0xff7f, 0x7f80,
                                        0xff80, 0x7f81, 0xffc0, 0x7fff, 0xffff, 0x3f80, 0xbf80},
                                       random);
    case DataType::kFloat32:
      return fill_words<std::uint32_t>(
          to, count,
          {0, 0x80000000, 1, 0x80000001, 0x7fffff, 0x800000, 0x7f7fffff, 0xff7fffff, 0x7f800000,
           0xff800000, 0x7f800001, 0xffc00123, 0x7fffffff, 0x3f800000, 0xbf800000},
          random);
    case DataType::kFloat64:
      return fill_words<std::uint64_t>(
          to, count,
          {0, 1ULL << 63, 1, 0x000fffffffffffff, 0x0010000000000000, 0x7fefffffffffffff,
           0xffefffffffffffff, 0x7ff0000000000000, 0xfff0000000000000, 0x7ff0000000000001,
           0xfff8000000000123, 0x3ff0000000000000, 0xbff0000000000000},
          random);
    case DataType::kInt8:
    case DataType::kUint8:
      return fill_words<std::uint8_t>(to, count, {0, 1, 0x7f, 0x80, 0x81, 0xff}, random);
    case DataType::kBool:
      return fill_words<std::uint8_t>(to, count, {0, 0, 1, 1, 2, 0x80, 0xff}, random);
    case DataType::kFloat8E4m3:
    case DataType::kFloat8E5m2:
      return fill_words<std::uint8_t>(
          to, count, {0, 0x80, 1, 0x81, 4, 8, 0x38, 0xbc, 0x7b, 0x7c, 0xfc, 0x7d, 0x7e, 0x7f, 0xff},
          random);
    case DataType::kInt16:
    case DataType::kUint16:
      return fill_words<std::uint16_t>(to, count, {0, 1, 0x7fff, 0x8000, 0x8001, 0xffff, 0xff},
                                       random);
    case DataType::kInt32:
    case DataType::kUint32:
      return fill_words<std::uint32_t>(
          to, count, {0, 1, 0x7fffffff, 0x80000000, 0x80000001, 0xffffffff}, random);
    default:
      return fill_words<std::uint64_t>(
          to, count,
          {0, 1, ~0ULL >> 1, 1ULL << 63, (1ULL << 63) + 1, ~0ULL, 0xffffffff, 1ULL << 32}, random);
  }
}

struct Case {
  DataType type = DataType::kInt8;
  ReduceOp op = ReduceOp::kSum;
  std::int32_t sources = 1;
  std::int32_t destinations = 1;
  std::size_t count = 0;
  std::size_t shift = 0;  // elements by which pointers are off an aligned address
  std::int64_t divisor = 0;
  bool in_place = false;  // the first destination is the last source
};

constexpr std::byte kGuard{0xa5};
constexpr std::size_t kGuardBytes = 64;

// Runs one case on one table; the destinations with their guards, one after the other.
Bytes run_case(const KernelTable& table, const Case& c, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const std::size_t element = size_of(c.type), bytes = c.count * element;
  const std::size_t room = bytes + 16 * element + 2 * kGuardBytes;
  std::vector<Bytes> in(static_cast<std::size_t>(c.sources), Bytes(room, kGuard));
  std::vector<Bytes> out(static_cast<std::size_t>(c.destinations), Bytes(room, kGuard));
  std::vector<const void*> sources;
  std::vector<void*> destinations;
  std::size_t offset = kGuardBytes + c.shift * element;
  for (Bytes& buffer : in) {
    fill(buffer.data() + offset, c.count, c.type, random);
    sources.push_back(buffer.data() + offset);
    offset = kGuardBytes + (offset - kGuardBytes + 3 * element) % (8 * element);
  }
  for (Bytes& buffer : out) {
    destinations.push_back(buffer.data() + kGuardBytes + (c.shift % 7) * element);
  }
  if (c.in_place) destinations[0] = const_cast<void*>(sources.back());
  ReduceArgs args;
  args.sources = sources.data();
  args.destinations = destinations.data();
  args.n_sources = c.sources;
  args.n_destinations = c.destinations;
  args.count = c.count;
  args.divisor = c.divisor;
  table.reduce[static_cast<int>(c.type)][static_cast<int>(c.op)](args);
  Bytes all;
  if (c.in_place) out[0] = in.back();
  for (const Bytes& buffer : out) all.insert(all.end(), buffer.begin(), buffer.end());
  return all;
}

std::string describe(const Case& c) {
  return std::string(name_of(c.type)) + " " + std::string(name_of(c.op)) + " sources " +
         std::to_string(c.sources) + " destinations " + std::to_string(c.destinations) + " count " +
         std::to_string(c.count) + " shift " + std::to_string(c.shift) + " divisor " +
         std::to_string(c.divisor) + (c.in_place ? " in place" : "");
}

class EveryTable : public testing::TestWithParam<int> {};

TEST_P(EveryTable, AgreesWithThePortableOneToTheBit) {
  const auto type = static_cast<DataType>(GetParam());
  const std::vector<const KernelTable*> tables = usable_tables();
  const std::size_t per_vector = 64 / size_of(type);
  std::uint64_t seed = 1;
  for (int op = 0; op < kReduceOps; ++op) {
    const bool has = has_kernel(type, static_cast<ReduceOp>(op));
    for (const KernelTable* table : tables) {
      ASSERT_EQ(table->reduce[GetParam()][op] != nullptr, has) << table->name << " " << op;
    }
    for (std::int32_t sources : {1, 2, 3, 4, 5, 6, 9, 33}) {
      for (std::size_t count = 0; has && count < 6 * per_vector;
           count += count < 2 * per_vector ? 1 : 7) {
        Case c;
        c.type = type;
        c.op = static_cast<ReduceOp>(op);
        c.sources = sources;
        c.count = count;
        c.shift = ++seed % 8;
        c.destinations = 1 + static_cast<std::int32_t>(seed % 3);
        c.in_place = seed % 2 == 0;
        if (c.op == ReduceOp::kAvg && seed % 4 != 0) c.divisor = seed % 5 == 0 ? 1000 : sources;
        if (c.op == ReduceOp::kAvg && seed % 31 == 0) c.divisor = 70'000;
        const Bytes expected = run_case(*tables[0], c, seed);
        for (const KernelTable* table : tables) {
          if (table == tables[0]) continue;
          ASSERT_EQ(run_case(*table, c, seed), expected) << table->name << ": " << describe(c);
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Types, EveryTable, testing::Range(0, kDataTypes),
                         [](const testing::TestParamInfo<int>& type) {
                           return std::string(name_of(static_cast<DataType>(type.param)));
                         });

template <typename T>
std::vector<T> reduce_with(const KernelTable& table, DataType type, ReduceOp op,
                           const std::vector<std::vector<T>>& in, std::int64_t divisor = 0) {
  std::vector<T> out(in[0].size());
  std::vector<const void*> sources;
  for (const auto& source : in) sources.push_back(source.data());
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

template <typename T>
T reduce_one(DataType type, ReduceOp op, const std::vector<T>& values, std::int64_t divisor = 0) {
  std::vector<std::vector<T>> in;
  for (const T& value : values) in.push_back({value});
  return reduce_with(portable(), type, op, in, divisor)[0];
}

TEST(Reduce, IntegersWrapAndAveragesTruncateTowardsZero) {
  EXPECT_EQ(reduce_one<std::int8_t>(DataType::kInt8, ReduceOp::kSum, {127, 2}), -127);
  EXPECT_EQ(reduce_one<std::uint8_t>(DataType::kUint8, ReduceOp::kSum, {255, 2}), 1);
  EXPECT_EQ(reduce_one<std::int32_t>(DataType::kInt32, ReduceOp::kProd, {1 << 30, 6}),
            std::numeric_limits<std::int32_t>::min());
  EXPECT_EQ(reduce_one<std::int64_t>(DataType::kInt64, ReduceOp::kProd, {-3, 7, 1LL << 33}),
            -21 * (1LL << 33));
  EXPECT_EQ(reduce_one<std::int32_t>(DataType::kInt32, ReduceOp::kAvg, {-4, -3}, 2), -3);
  EXPECT_EQ(reduce_one<std::int8_t>(DataType::kInt8, ReduceOp::kAvg, {100, 100}, 2), -28);
  EXPECT_EQ(reduce_one<std::uint64_t>(DataType::kUint64, ReduceOp::kAvg, {~0ULL, 0}, 2), ~0ULL / 2);
  EXPECT_EQ(reduce_one<std::uint32_t>(DataType::kUint32, ReduceOp::kAvg, {~0u, 0}, 2), ~0u / 2);
  EXPECT_EQ(reduce_one<std::int32_t>(DataType::kInt32, ReduceOp::kAvg, {5, 6}), 11)
      << "no divisor: a step that does not complete the result";
}

TEST(Reduce, SixteenBitIntegersWrapLikeTheOthers) {
  EXPECT_EQ(reduce_one<std::int16_t>(DataType::kInt16, ReduceOp::kSum, {32767, 2}), -32767);
  EXPECT_EQ(reduce_one<std::uint16_t>(DataType::kUint16, ReduceOp::kProd, {65535, 65535}), 1);
  EXPECT_EQ(reduce_one<std::int16_t>(DataType::kInt16, ReduceOp::kAvg, {-4, -3}, 2), -3);
  EXPECT_EQ(reduce_one<std::int16_t>(DataType::kInt16, ReduceOp::kMin, {-1, 1}), -1);
  EXPECT_EQ(reduce_one<std::uint16_t>(DataType::kUint16, ReduceOp::kMin, {65535, 1}), 1);
}

TEST(Reduce, BitsOfIntegers) {
  EXPECT_EQ(reduce_one<std::uint8_t>(DataType::kUint8, ReduceOp::kBitAnd, {0xf3, 0x3f, 0x7b}),
            0x33);
  EXPECT_EQ(reduce_one<std::uint16_t>(DataType::kUint16, ReduceOp::kBitOr, {0x0f01, 0x8000}),
            0x8f01);
  EXPECT_EQ(reduce_one<std::int64_t>(DataType::kInt64, ReduceOp::kBitXor, {-1, 5, 1LL << 40}),
            -1 ^ 5 ^ 1LL << 40);
  for (const DataType type : {DataType::kFloat16, DataType::kFloat32, DataType::kFloat64,
                              DataType::kBfloat16, DataType::kFloat8E4m3, DataType::kFloat8E5m2}) {
    EXPECT_FALSE(has_kernel(type, ReduceOp::kBitAnd));
    EXPECT_TRUE(has_kernel(type, ReduceOp::kAvg));
  }
}

TEST(Reduce, TruthIsAnyByteButZero) {
  const auto both = [](ReduceOp op) {
    std::string results;
    for (const std::uint8_t a : {0, 1, 0x80}) {
      for (const std::uint8_t b : {0, 2}) {
        results += static_cast<char>('0' + reduce_one<std::uint8_t>(DataType::kBool, op, {a, b}));
      }
    }
    return results;
  };
  for (const ReduceOp op : {ReduceOp::kSum, ReduceOp::kMax, ReduceOp::kBitOr}) {
    EXPECT_EQ(both(op), "011111") << name_of(op);
  }
  for (const ReduceOp op : {ReduceOp::kProd, ReduceOp::kMin, ReduceOp::kBitAnd}) {
    EXPECT_EQ(both(op), "000101") << name_of(op);
  }
  EXPECT_EQ(both(ReduceOp::kBitXor), "011010");
  EXPECT_FALSE(has_kernel(DataType::kBool, ReduceOp::kAvg));
}

TEST(Reduce, MinAndMaxOrderTheirOperands) {
  EXPECT_EQ(reduce_one<std::int8_t>(DataType::kInt8, ReduceOp::kMin, {-1, 1, 0}), -1);
  EXPECT_EQ(reduce_one<std::uint8_t>(DataType::kUint8, ReduceOp::kMin, {255, 1, 2}), 1);
  EXPECT_EQ(reduce_one<std::int64_t>(DataType::kInt64, ReduceOp::kMax, {-1, 1, 0}), 1);
  EXPECT_EQ(reduce_one<std::uint64_t>(DataType::kUint64, ReduceOp::kMax, {~0ULL, 1}), ~0ULL);
  EXPECT_EQ(reduce_one<float>(DataType::kFloat32, ReduceOp::kMax, {-2.5f, -3.5f}), -2.5f);
  EXPECT_EQ(reduce_one<double>(DataType::kFloat64, ReduceOp::kMin, {-2.5, -3.5}), -3.5);
}

TEST(Reduce, ZerosOfTwoSignsAndNaNsHaveOneResult) {
  for (const KernelTable* table : usable_tables()) {
    const auto f32 = [&](ReduceOp op, std::uint32_t a, std::uint32_t b) {
      return reduce_with<std::uint32_t>(*table, DataType::kFloat32, op, {{a}, {b}})[0];
    };
    const std::uint32_t plus = 0, minus = 0x80000000u, one = 0x3f800000u;
    EXPECT_EQ(f32(ReduceOp::kMin, plus, minus), minus);
    EXPECT_EQ(f32(ReduceOp::kMin, minus, plus), minus);
    EXPECT_EQ(f32(ReduceOp::kMax, plus, minus), plus);
    EXPECT_EQ(f32(ReduceOp::kMax, minus, plus), plus);
    for (const std::uint32_t nan : {0x7f800001u, 0xffc01234u, 0x7fffffffu}) {
      for (int op = 0; op <= static_cast<int>(ReduceOp::kAvg); ++op) {
        EXPECT_EQ(f32(static_cast<ReduceOp>(op), nan, one), kCanonicalNan32);
        EXPECT_EQ(f32(static_cast<ReduceOp>(op), one, nan), kCanonicalNan32);
      }
    }
    EXPECT_EQ(f32(ReduceOp::kSum, 0x7f800000u, 0xff800000u), kCanonicalNan32);
    const std::vector<std::uint32_t> alone = {0x7f800001u, 0xffc01234u};
    EXPECT_EQ(reduce_with<std::uint32_t>(*table, DataType::kFloat32, ReduceOp::kSum, {alone}),
              alone)
        << "one source is a copy of its bits";
  }
}

TEST(Reduce, StrictlyLeftToRight) {
  EXPECT_EQ(reduce_one<float>(DataType::kFloat32, ReduceOp::kSum, {1e8f, -1e8f, 1.0f}), 1.0f);
  EXPECT_EQ(reduce_one<float>(DataType::kFloat32, ReduceOp::kSum, {1.0f, 1e8f, -1e8f}), 0.0f);
}

TEST(Reduce, SixteenBitSumsAreRoundedOnce) {
  // 2048 + 1 + 1: rounded after each addition it would stay 2048 in float16.
  EXPECT_EQ(reduce_one<std::uint16_t>(DataType::kFloat16, ReduceOp::kSum, {0x6800, 0x3c00, 0x3c00}),
            0x6801);
  // 256 + 1 + 1 in bfloat16.
  EXPECT_EQ(
      reduce_one<std::uint16_t>(DataType::kBfloat16, ReduceOp::kSum, {0x4380, 0x3f80, 0x3f80}),
      0x4381);
}

#if defined(__x86_64__)
TEST(Reduce, ACallerThatFlushesDenormalsChangesNothing) {
  for (const KernelTable* table : usable_tables()) {
    const unsigned before = _mm_getcsr();
    const unsigned fast_math = before | 0x8040u;  // flush to zero, denormals are zero
    _mm_setcsr(fast_math);
    const auto sum = reduce_with<std::uint32_t>(*table, DataType::kFloat32, ReduceOp::kSum,
                                                {{1, 5, 0x800000}, {2, 6, 0x80000001}});
    const unsigned after = _mm_getcsr();
    _mm_setcsr(before);
    EXPECT_EQ(sum, (std::vector<std::uint32_t>{3, 11, 0x7fffff})) << table->name;
    EXPECT_EQ(after & 0xffc0u, fast_math & 0xffc0u) << table->name;
  }
}
#endif

#if defined(__aarch64__)
TEST(Reduce, ACallerThatFlushesDenormalsChangesNothing) {
  for (const KernelTable* table : usable_tables()) {
    std::uint64_t before = 0, after = 0;
    __asm__ volatile("mrs %0, fpcr" : "=r"(before));
    const std::uint64_t fast_math = before | 3u << 24;  // flush to zero, default NaN
    __asm__ volatile("msr fpcr, %0" ::"r"(fast_math) : "memory");
    const auto sum = reduce_with<std::uint32_t>(*table, DataType::kFloat32, ReduceOp::kSum,
                                                {{1, 5, 0x800000}, {2, 6, 0x80000001}});
    __asm__ volatile("mrs %0, fpcr" : "=r"(after)::"memory");
    __asm__ volatile("msr fpcr, %0" ::"r"(before) : "memory");
    EXPECT_EQ(sum, (std::vector<std::uint32_t>{3, 11, 0x7fffff})) << table->name;
    EXPECT_EQ(after, fast_math) << table->name;
  }
}
#endif

TEST(Dispatch, ChoosesTheLastUsableTable) {
  EXPECT_EQ(best_kernels().name, usable_tables().back()->name);
  EXPECT_EQ(portable().name, "portable");
}

}  // namespace
}  // namespace hfreduce::kernels
