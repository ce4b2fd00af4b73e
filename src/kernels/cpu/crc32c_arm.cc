// CRC32C by the processor's instruction, as in crc32c_sse42.cc: three stretches of the data side by
// side, whose remainders carry-less products join.
#include "kernels/cpu/tables.h"

#if defined(__aarch64__)
#include <arm_acle.h>
#include <arm_neon.h>

namespace hfreduce::kernels {
namespace {

constexpr std::uint32_t kPolynomial = 0x82f63b78u;  // Castagnoli, reflected: bit 31 is x^0

// x^n modulo the polynomial.
constexpr std::uint32_t power_of_x(std::size_t n) noexcept {
  std::uint32_t value = 0x80000000u;
  for (; n > 0; --n) value = (value >> 1) ^ ((value & 1u) != 0 ? kPolynomial : 0u);
  return value;
}

std::uint64_t word(const unsigned char* at) noexcept {
  std::uint64_t value = 0;
  __builtin_memcpy(&value, at, 8);
  return value;
}

// The remainder `crc` after kBytes more zero bytes. A product of two reflected 32-bit values has
// one x too many when read as 64 bits, and the instruction multiplies by x^32: hence the 33.
template <std::size_t kBytes>
std::uint32_t shift(std::uint32_t crc) noexcept {
  constexpr std::uint32_t kFactor = power_of_x(8 * kBytes - 33);
  const poly128_t product = vmull_p64(crc, kFactor);
  return __crc32cd(0, static_cast<std::uint64_t>(product));
}

// Three stretches of kBytes each.
template <std::size_t kBytes>
std::uint32_t three(const unsigned char* at, std::uint32_t crc) noexcept {
  std::uint32_t a = crc, b = 0, c = 0;
  for (std::size_t i = 0; i < kBytes; i += 8) {
    a = __crc32cd(a, word(at + i));
    b = __crc32cd(b, word(at + kBytes + i));
    c = __crc32cd(c, word(at + 2 * kBytes + i));
  }
  return shift<2 * kBytes>(a) ^ shift<kBytes>(b) ^ c;
}

}  // namespace

std::uint32_t crc32c_raw_arm(const void* data, std::size_t bytes, std::uint32_t crc) noexcept {
  constexpr std::size_t kLong = 2048, kShort = 128;
  const auto* at = static_cast<const unsigned char*>(data);
  for (; bytes >= 3 * kLong; bytes -= 3 * kLong, at += 3 * kLong) crc = three<kLong>(at, crc);
  for (; bytes >= 3 * kShort; bytes -= 3 * kShort, at += 3 * kShort) crc = three<kShort>(at, crc);
  for (; bytes >= 8; bytes -= 8, at += 8) crc = __crc32cd(crc, word(at));
  for (; bytes > 0; --bytes, ++at) crc = __crc32cb(crc, *at);
  return crc;
}

}  // namespace hfreduce::kernels
#endif
