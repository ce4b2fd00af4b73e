#include <gtest/gtest.h>

#include <cstdint>
#include <numeric>
#include <random>
#include <vector>

#include "harness/skip.h"
#include "kernels/cpu/crc32c.h"
#include "kernels/cpu/tables.h"

namespace hfreduce::kernels {
namespace {

using Buffer = std::vector<std::uint8_t>;

// One bit at a time, straight from the definition.
std::uint32_t bit_by_bit(const Buffer& data) {
  std::uint32_t crc = ~0u;
  for (const std::uint8_t byte : data) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1u) != 0 ? 0x82f63b78u : 0u);
  }
  return ~crc;
}

void expect_both(const Buffer& data, std::uint32_t expected) {
  EXPECT_EQ(crc32c(data.data(), data.size()), expected);
  EXPECT_EQ(crc32c_portable(data.data(), data.size()), expected);
}

TEST(Crc32c, KnownValues) {
  expect_both({}, 0);
  expect_both({'1', '2', '3', '4', '5', '6', '7', '8', '9'}, 0xe3069283u);
  // RFC 3720, B.4 (there in the order of the bytes on the wire).
  expect_both(Buffer(32, 0x00), 0x8a9136aau);
  expect_both(Buffer(32, 0xff), 0x62a8ab43u);
  Buffer rising(32);
  std::iota(rising.begin(), rising.end(), std::uint8_t{0});
  expect_both(rising, 0x46dd794eu);
  expect_both(Buffer(rising.rbegin(), rising.rend()), 0x113fdb5cu);
  expect_both({0x01, 0xc0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
               0x00, 0x00, 0x00, 0x00, 0x14, 0x00, 0x00, 0x00, 0x00, 0x00, 0x04, 0x00,
               0x00, 0x00, 0x00, 0x14, 0x00, 0x00, 0x00, 0x18, 0x28, 0x00, 0x00, 0x00,
               0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00},
              0xd9963a56u);
}

Buffer random_bytes(std::size_t size) {
  std::mt19937 random(7);
  Buffer data(size);
  for (std::uint8_t& byte : data) byte = static_cast<std::uint8_t>(random());
  return data;
}

TEST(Crc32c, EveryLengthAndAlignment) {
  const Buffer data = random_bytes(512);
  for (std::size_t length = 0; length <= 400; ++length) {
    for (std::size_t shift = 0; shift < 9; ++shift) {
      const std::uint8_t* at = data.data() + shift;
      const std::uint32_t expected = bit_by_bit(Buffer(at, at + length));
      ASSERT_EQ(crc32c_portable(at, length), expected) << length << " bytes from " << shift;
      ASSERT_EQ(crc32c(at, length), expected) << length << " bytes from " << shift;
    }
  }
}

TEST(Crc32c, LongStretches) {
  const Buffer data = random_bytes(40'000);
  for (std::size_t length : {6143u, 6144u, 6145u, 6528u, 12288u, 12300u, 39'999u, 40'000u}) {
    ASSERT_EQ(crc32c(data.data(), length), crc32c_portable(data.data(), length)) << length;
  }
}

#if defined(__aarch64__)
TEST(Crc32c, TheInstructionAgreesWithThePortable) {
  if (!cpu_has_crc32()) HFR_SKIP("this processor lacks the instruction, which ARMv8.0 leaves open");
  const Buffer data = random_bytes(20'000);
  for (std::size_t length = 0; length < data.size(); length += length < 1100 ? 1 : 977) {
    const std::uint8_t* at = data.data() + length % 7;
    const std::size_t bytes = length - length % 7;
    const std::uint32_t start = static_cast<std::uint32_t>(length * 2654435761u);
    ASSERT_EQ(~crc32c_raw_arm(at, bytes, ~start), crc32c_portable(at, bytes, start)) << bytes;
  }
}
#endif

#if defined(__x86_64__)
// Those that this machine has, whichever of them is the chosen one.
TEST(Crc32c, EachInstructionSetAgreesWithThePortable) {
  const Buffer data = random_bytes(20'000);
  for (std::size_t length = 0; length < data.size(); length += length < 1100 ? 1 : 977) {
    const std::uint8_t* at = data.data() + length % 7;
    const std::size_t bytes = length - length % 7;
    const std::uint32_t start = static_cast<std::uint32_t>(length * 2654435761u);
    const std::uint32_t expected = crc32c_portable(at, bytes, start);
    if (cpu_has_crc32()) {
      ASSERT_EQ(~crc32c_raw_sse42(at, bytes, ~start), expected) << bytes;
    }
    if (cpu_has_wide_products()) {
      ASSERT_EQ(~crc32c_raw_avx512(at, bytes, ~start), expected) << bytes;
    }
  }
}
#endif

TEST(Crc32c, GoesOnWhereItStopped) {
  const Buffer data = random_bytes(20'000);
  const std::uint32_t whole = crc32c(data.data(), data.size());
  for (std::size_t cut : {0u, 1u, 7u, 384u, 6144u, 13'000u, 20'000u}) {
    const std::uint32_t first = crc32c(data.data(), cut);
    EXPECT_EQ(crc32c(data.data() + cut, data.size() - cut, first), whole) << cut;
    const std::uint32_t first_portable = crc32c_portable(data.data(), cut);
    EXPECT_EQ(crc32c_portable(data.data() + cut, data.size() - cut, first_portable), whole) << cut;
  }
}

TEST(Crc32c, EverySingleFlippedBitShows) {
  Buffer data = random_bytes(100);
  const std::uint32_t good = crc32c(data.data(), data.size());
  for (std::size_t bit = 0; bit < 8 * data.size(); ++bit) {
    data[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
    EXPECT_NE(crc32c(data.data(), data.size()), good);
    data[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
  }
}

}  // namespace
}  // namespace hfreduce::kernels
