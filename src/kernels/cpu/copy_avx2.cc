// See copy.h. Plain code only, as in every file with flags of its own.
#include "kernels/cpu/copy.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include <cstdint>

namespace hfreduce::kernels {

// Whole lines are written by aligned stores: of those that cross a line each costs two.
void copy_by_vectors(void* to, const void* from, std::size_t bytes) noexcept {
  constexpr std::size_t kLine = 64, kStride = 2 * kLine;
  auto* destination = static_cast<std::byte*>(to);
  const auto* source = static_cast<const std::byte*>(from);
  const std::size_t misaligned = reinterpret_cast<std::uintptr_t>(destination) % kLine;
  std::size_t at = misaligned == 0 ? 0 : kLine - misaligned;
  if (at >= bytes) at = bytes;
  __builtin_memcpy(destination, source, at);
  for (; at + kStride <= bytes; at += kStride) {
    const auto* in = reinterpret_cast<const __m256i*>(source + at);
    auto* out = reinterpret_cast<__m256i*>(destination + at);
    const __m256i a = _mm256_loadu_si256(in), b = _mm256_loadu_si256(in + 1);
    const __m256i c = _mm256_loadu_si256(in + 2), d = _mm256_loadu_si256(in + 3);
    _mm256_store_si256(out, a);
    _mm256_store_si256(out + 1, b);
    _mm256_store_si256(out + 2, c);
    _mm256_store_si256(out + 3, d);
  }
  __builtin_memcpy(destination + at, source + at, bytes - at);
}

}  // namespace hfreduce::kernels

#endif
