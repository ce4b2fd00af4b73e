// Copying within memory.
#pragma once

#include <cstddef>
#include <cstring>

namespace hfreduce::kernels {

// As memcpy. From kOwnFrom on by vectors where that is known to pay: glibc takes `rep movsb` for
// such sizes, which AMD's processors carry out at 4 GB/s, a tenth of what they can, where the
// destination does not begin with a vector: behind the head of a slot, or in memory of malloc.
inline constexpr std::size_t kOwnFrom = 2048;
void copy_many(void* to, const void* from, std::size_t bytes) noexcept;
inline void copy(void* to, const void* from, std::size_t bytes) noexcept {
  if (bytes < kOwnFrom)
    std::memcpy(to, from, bytes);
  else
    copy_many(to, from, bytes);
}

#if defined(__x86_64__)
// For processors with AVX2: the loop alone.
void copy_by_vectors(void* to, const void* from, std::size_t bytes) noexcept;
#endif

}  // namespace hfreduce::kernels
