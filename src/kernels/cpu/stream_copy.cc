#include "kernels/cpu/stream_copy.h"

#include <cstdint>
#include <cstring>

#if defined(__x86_64__)
#include <emmintrin.h>
#endif

namespace hfreduce::kernels {

#if defined(__x86_64__)

bool streaming_pays() noexcept {
  static const bool pays = __builtin_cpu_is("amd") != 0;
  return pays;
}

void copy_past_caches(void* to, const void* from, std::size_t bytes) noexcept {
  constexpr std::size_t kLine = 64;
  auto* destination = static_cast<std::byte*>(to);
  const auto* source = static_cast<const std::byte*>(from);
  // Whole lines only: a line that is written in part has to be fetched after all.
  const std::size_t misaligned = reinterpret_cast<std::uintptr_t>(destination) % kLine;
  const std::size_t head = misaligned == 0 ? 0 : kLine - misaligned;
  if (head >= bytes) {
    std::memcpy(destination, source, bytes);
    return;
  }
  std::memcpy(destination, source, head);
  std::size_t at = head;
  for (; at + kLine <= bytes; at += kLine) {
    const auto* lines = reinterpret_cast<const __m128i*>(source + at);
    auto* out = reinterpret_cast<__m128i*>(destination + at);
    const __m128i a = _mm_loadu_si128(lines), b = _mm_loadu_si128(lines + 1);
    const __m128i c = _mm_loadu_si128(lines + 2), d = _mm_loadu_si128(lines + 3);
    _mm_stream_si128(out, a);
    _mm_stream_si128(out + 1, b);
    _mm_stream_si128(out + 2, c);
    _mm_stream_si128(out + 3, d);
  }
  std::memcpy(destination + at, source + at, bytes - at);
  _mm_sfence();  // streaming stores are ordered with nothing else
}

#else

bool streaming_pays() noexcept { return false; }

void copy_past_caches(void* to, const void* from, std::size_t bytes) noexcept {
  std::memcpy(to, from, bytes);
}

#endif

}  // namespace hfreduce::kernels
