#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "harness/skip.h"
#include "kernels/cpu/copy.h"

namespace hfreduce::kernels {
namespace {

using Copy = void (*)(void*, const void*, std::size_t) noexcept;

constexpr std::size_t kRoom = 128;  // around what is copied

// To where line and vector begin, and to everywhere else.
void copies_exactly(Copy copy_bytes, std::size_t length) {
  std::vector<unsigned char> source(length + 64);
  for (std::size_t i = 0; i < source.size(); ++i)
    source[i] = static_cast<unsigned char>(i * 7 + i / 251);
  for (std::size_t shift = 0; shift < 64; ++shift) {
    const std::size_t from = shift * 5 % 64;
    std::vector<unsigned char> buffer(length + 2 * kRoom, 0xee);
    const std::size_t line = (64 - reinterpret_cast<std::uintptr_t>(buffer.data()) % 64) % 64;
    const auto begin = buffer.begin() + static_cast<std::ptrdiff_t>(line + shift);
    const auto end = begin + static_cast<std::ptrdiff_t>(length);
    copy_bytes(&*begin, source.data() + from, length);
    const auto other = [](unsigned char byte) { return byte != 0xee; };
    ASSERT_TRUE(std::equal(begin, end, source.begin() + static_cast<std::ptrdiff_t>(from)))
        << "length " << length << ", shift " << shift;
    ASSERT_TRUE(std::none_of(buffer.begin(), begin, other)) << "length " << length;
    ASSERT_TRUE(std::none_of(end, buffer.end(), other)) << "length " << length;
  }
}

const std::size_t kLengths[] = {0,   1,   63,  64,   65,   127,  128,  129,  191,  192,
                                255, 256, 257, 1000, 2047, 2048, 2049, 4095, 4097, 10'000};

TEST(Copy, CopiesEveryByteToEveryAlignmentAndNothingElse) {
  for (const std::size_t length : kLengths) copies_exactly(copy, length);
}

#if defined(__x86_64__)
TEST(Copy, ByVectorsToo) {
  if (__builtin_cpu_supports("avx2") == 0) HFR_SKIP("a processor without AVX2");
  for (const std::size_t length : kLengths) copies_exactly(copy_by_vectors, length);
}
#endif

}  // namespace
}  // namespace hfreduce::kernels
