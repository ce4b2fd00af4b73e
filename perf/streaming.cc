#include "streaming.h"

#include <algorithm>
#include <cstring>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace hfreduce::perf {

void copy_streaming(std::byte* to, const std::byte* from, std::uint64_t bytes) {
  std::uint64_t at = 0;
#if defined(__SSE2__)
  const std::uint64_t misaligned = reinterpret_cast<std::uintptr_t>(to) % 16;
  at = misaligned == 0 ? 0 : std::min<std::uint64_t>(bytes, 16 - misaligned);
  std::memcpy(to, from, at);
  for (; at + 16 <= bytes; at += 16) {
    _mm_stream_si128(reinterpret_cast<__m128i*>(to + at),
                     _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + at)));
  }
  _mm_sfence();
#endif
  std::memcpy(to + at, from + at, bytes - at);
}

}  // namespace hfreduce::perf
