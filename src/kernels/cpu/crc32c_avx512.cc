// CRC32C by carry-less products over 512 bits: what lies 256 bytes back is multiplied by x^2048
// modulo the polynomial and added to what comes next ("folding"; Gopal et al., Intel white paper
// 323102, 2009). Reads the data front to back, which the processor's prefetchers like: 25 GB/s out
// of memory where three stretches side by side get 10, and twice their speed in the cache. Plain
// code in an unnamed namespace only, as in every file with flags of its own.
#include "kernels/cpu/tables.h"

#if defined(__x86_64__)
#include <immintrin.h>

namespace hfreduce::kernels {
namespace {

constexpr std::uint32_t kPolynomial = 0x82f63b78u;  // Castagnoli, reflected: bit 31 is x^0

// x^n modulo the polynomial, in the upper half of a reflected 64-bit value.
constexpr long long power_of_x(std::size_t n) noexcept {
  std::uint32_t value = 0x80000000u;
  for (; n > 0; --n) value = (value >> 1) ^ ((value & 1u) != 0 ? kPolynomial : 0u);
  return static_cast<long long>(std::uint64_t{value} << 32);
}

// Each 128 bits of `value`, kBytes further on, plus `next`. The first 64 bits of the 128 are the
// higher powers; a product of two reflected 64-bit values has one x too many when read as 128 bits,
// hence the -1.
template <std::size_t kBytes>
__m512i fold(__m512i value, __m512i next) noexcept {
  constexpr long long kFirst = power_of_x(8 * kBytes + 64 - 1);
  constexpr long long kSecond = power_of_x(8 * kBytes - 1);
  const __m512i factors =
      _mm512_set_epi64(kSecond, kFirst, kSecond, kFirst, kSecond, kFirst, kSecond, kFirst);
  constexpr int kXorOfThree = 0x96;
  return _mm512_ternarylogic_epi64(_mm512_clmulepi64_epi128(value, factors, 0x00),
                                   _mm512_clmulepi64_epi128(value, factors, 0x11), next,
                                   kXorOfThree);
}

__m512i load(const unsigned char* at) noexcept { return _mm512_loadu_si512(at); }

}  // namespace

std::uint32_t crc32c_raw_avx512(const void* data, std::size_t bytes, std::uint32_t start) noexcept {
  constexpr std::size_t kBlock = 256;
  if (bytes < 2 * kBlock) return crc32c_raw_sse42(data, bytes, start);
  const auto* at = static_cast<const unsigned char*>(data);
  // What came before counts as if it had been added to the first four bytes.
  const __m512i before = _mm512_zextsi128_si512(_mm_cvtsi32_si128(static_cast<int>(start)));
  __m512i a = _mm512_xor_si512(load(at), before);
  __m512i b = load(at + 64), c = load(at + 128), d = load(at + 192);
  for (at += kBlock, bytes -= kBlock; bytes >= kBlock; at += kBlock, bytes -= kBlock) {
    a = fold<kBlock>(a, load(at));
    b = fold<kBlock>(b, load(at + 64));
    c = fold<kBlock>(c, load(at + 128));
    d = fold<kBlock>(d, load(at + 192));
  }
  const __m512i rest = fold<64>(fold<64>(fold<64>(a, b), c), d);
  alignas(64) unsigned char last[64];
  _mm512_store_si512(last, rest);
  return crc32c_raw_sse42(at, bytes, crc32c_raw_sse42(last, sizeof last, 0));
}

}  // namespace hfreduce::kernels
#endif
