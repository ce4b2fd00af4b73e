// CRC32C by the processor's instruction. It takes three cycles but can start every cycle, so three
// stretches of the data run side by side, and carry-less products join their remainders. Plain code
// in an unnamed namespace only, as in every file with flags of its own.
#include "kernels/cpu/tables.h"

#if defined(__x86_64__)
#include <immintrin.h>

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
std::uint64_t shift(std::uint64_t crc) noexcept {
  constexpr std::uint32_t kFactor = power_of_x(8 * kBytes - 33);
  const __m128i product = _mm_clmulepi64_si128(_mm_cvtsi64_si128(static_cast<long long>(crc)),
                                               _mm_cvtsi32_si128(static_cast<int>(kFactor)), 0);
  return _mm_crc32_u64(0, static_cast<std::uint64_t>(_mm_cvtsi128_si64(product)));
}

// Three stretches of kBytes each.
template <std::size_t kBytes>
std::uint64_t three(const unsigned char* at, std::uint64_t crc) noexcept {
  std::uint64_t a = crc, b = 0, c = 0;
  for (std::size_t i = 0; i < kBytes; i += 8) {
    // Stretches of 2 KiB are too short for the prefetchers; asking ahead gives half as much again
    // out of memory.
    if (kBytes >= 2048 && i % 64 == 0) {
      for (std::size_t next = 3; next < 6; ++next) {
        _mm_prefetch(reinterpret_cast<const char*>(at + next * kBytes + i), _MM_HINT_T0);
      }
    }
    a = _mm_crc32_u64(a, word(at + i));
    b = _mm_crc32_u64(b, word(at + kBytes + i));
    c = _mm_crc32_u64(c, word(at + 2 * kBytes + i));
  }
  return shift<2 * kBytes>(a) ^ shift<kBytes>(b) ^ c;
}

}  // namespace

std::uint32_t crc32c_raw_sse42(const void* data, std::size_t bytes, std::uint32_t start) noexcept {
  constexpr std::size_t kLong = 2048, kShort = 128;
  const auto* at = static_cast<const unsigned char*>(data);
  std::uint64_t crc = start;
  for (; bytes >= 3 * kLong; bytes -= 3 * kLong, at += 3 * kLong) crc = three<kLong>(at, crc);
  for (; bytes >= 3 * kShort; bytes -= 3 * kShort, at += 3 * kShort) crc = three<kShort>(at, crc);
  for (; bytes >= 8; bytes -= 8, at += 8) crc = _mm_crc32_u64(crc, word(at));
  auto last = static_cast<std::uint32_t>(crc);
  for (; bytes > 0; --bytes, ++at) last = _mm_crc32_u8(last, *at);
  return last;
}

}  // namespace hfreduce::kernels
#endif
