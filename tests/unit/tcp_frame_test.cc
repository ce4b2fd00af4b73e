// The frame header as a pure function.
#include <gtest/gtest.h>

#include <random>

#include "kernels/cpu/crc32c.h"
#include "transport/tcp/frame.h"

namespace hfreduce::transport::tcp {
namespace {

Frame random_frame(std::mt19937_64& random) {
  Frame frame;
  frame.message.flag = static_cast<std::uint32_t>(random());
  frame.message.target = static_cast<Target>(random() % 3);
  frame.message.value = random();
  frame.message.offset = random();
  frame.message.tag = {static_cast<std::uint32_t>(random()), static_cast<std::uint32_t>(random())};
  if (frame.message.target != Target::kNone) {
    frame.message.bytes = static_cast<std::uint32_t>(random() % (kMostPayload + 1ull));
  }
  frame.checksummed = random() % 2 == 0;
  if (frame.checksummed) frame.payload_crc = static_cast<std::uint32_t>(random());
  return frame;
}

TEST(TcpFrame, DecodesWhatItEncodes) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 2000; ++i) {
    const Frame frame = random_frame(random);
    Frame decoded;
    ASSERT_EQ(decode(encode(frame), &decoded), FrameFault::kNone);
    ASSERT_TRUE(decoded == frame);
  }
}

TEST(TcpFrame, LiesOnTheWireAsDocumented) {
  Frame frame;
  frame.message.target = Target::kOutput;
  frame.message.flag = 0x01020304;
  frame.message.value = 0x1112131415161718;
  frame.message.offset = 0x2122232425262728;
  frame.message.bytes = 0x10000005;
  frame.message.tag = {0x31323334, 0x41424344};
  frame.checksummed = true;
  frame.payload_crc = 0x51525354;
  const HeaderBytes bytes = encode(frame);
  const std::uint8_t expected[40] = {0xf7, 1,    2,    1,    0x04, 0x03, 0x02, 0x01, 0x18, 0x17,
                                     0x16, 0x15, 0x14, 0x13, 0x12, 0x11, 0x28, 0x27, 0x26, 0x25,
                                     0x24, 0x23, 0x22, 0x21, 0x05, 0x00, 0x00, 0x10, 0x34, 0x33,
                                     0x32, 0x31, 0x44, 0x43, 0x42, 0x41, 0x54, 0x53, 0x52, 0x51};
  for (std::size_t i = 0; i < 40; ++i) {
    EXPECT_EQ(static_cast<std::uint8_t>(bytes[i]), expected[i]) << "byte " << i;
  }
  const std::uint32_t check = kernels::crc32c_portable(expected, sizeof expected);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(static_cast<std::uint8_t>(bytes[40 + i]), (check >> (8 * i)) & 0xff);
  }
}

TEST(TcpFrame, EveryFlippedBitIsFound) {
  std::mt19937_64 random(2);
  const HeaderBytes good = encode(random_frame(random));
  for (std::size_t bit = 0; bit < 8 * kHeaderBytes; ++bit) {
    HeaderBytes bad = good;
    bad[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    Frame frame;
    const FrameFault fault = decode(bad, &frame);
    EXPECT_EQ(fault, FrameFault::kCheck) << "bit " << bit;
  }
}

// A header with a byte changed and its check made right again: what another, hostile or newer
// program sends.
FrameFault decode_with(Frame frame, std::size_t at, std::uint8_t value) {
  HeaderBytes bytes = encode(frame);
  bytes[at] = static_cast<std::byte>(value);
  const std::uint32_t check = kernels::crc32c(bytes.data(), 40);
  for (std::size_t i = 0; i < 4; ++i) bytes[40 + i] = static_cast<std::byte>(check >> (8 * i));
  return decode(bytes, &frame);
}

TEST(TcpFrame, UndamagedNonsenseIsRefused) {
  Frame put;
  put.message.target = Target::kWindow;
  put.message.bytes = 8;
  EXPECT_EQ(decode_with(put, 2, 1), FrameFault::kNone);
  EXPECT_EQ(decode_with(put, 2, 3), FrameFault::kField);      // no such target
  EXPECT_EQ(decode_with(put, 2, 0), FrameFault::kField);      // a payload for nowhere
  EXPECT_EQ(decode_with(put, 3, 4), FrameFault::kField);      // no such bit
  EXPECT_EQ(decode_with(put, 3, 2), FrameFault::kField);      // a goodbye with a payload
  EXPECT_EQ(decode_with(put, 36, 1), FrameFault::kField);     // a sum, but not checksummed
  EXPECT_EQ(decode_with(put, 27, 0x41), FrameFault::kField);  // longer than any payload
  EXPECT_EQ(decode_with(put, 1, 2), FrameFault::kVersion);
  EXPECT_EQ(decode_with(put, 0, 'G'), FrameFault::kMagic);
}

}  // namespace
}  // namespace hfreduce::transport::tcp
