// What the files of this room share. Only plain declarations: a template or an inline function here
// could be compiled with AVX2 in one file and be linked into all others.
#pragma once

#include "kernels/cpu/reduce.h"

namespace hfreduce::kernels {

extern const KernelTable kPortableKernels;
#if defined(__x86_64__)
extern const KernelTable kAvx2Kernels, kAvx512Kernels;
// Rows of these that have a file of their own.
extern const ReduceFn kAvx2Float16[kReduceOps], kAvx2Bfloat16[kReduceOps],
    kAvx2Float8E4m3[kReduceOps], kAvx2Float8E5m2[kReduceOps];
extern const ReduceFn kAvx512Float16[kReduceOps], kAvx512Bfloat16[kReduceOps],
    kAvx512Float8E4m3[kReduceOps], kAvx512Float8E5m2[kReduceOps];
#elif defined(__aarch64__)
extern const KernelTable kNeonKernels;
extern const ReduceFn kNeonFloat16[kReduceOps], kNeonBfloat16[kReduceOps],
    kNeonFloat8E4m3[kReduceOps], kNeonFloat8E5m2[kReduceOps];
#endif

bool always_usable() noexcept;
bool cpu_has_avx2() noexcept;
bool cpu_has_avx512() noexcept;

// One source and no division: the bits of the source go to every destination as they are.
void copy_to_all(const ReduceArgs& args, std::size_t bytes) noexcept;

// Programs built with -ffast-math flush denormals in every thread; a sum must not depend on that.
// Enter returns what Leave needs to put the caller's mode back.
unsigned enter_default_float_mode() noexcept;
void leave_default_float_mode(unsigned before) noexcept;

#if defined(__x86_64__)
bool cpu_has_crc32() noexcept;
// Without the inversions at both ends.
std::uint32_t crc32c_raw_sse42(const void* data, std::size_t bytes, std::uint32_t crc) noexcept;
bool cpu_has_wide_products() noexcept;
std::uint32_t crc32c_raw_avx512(const void* data, std::size_t bytes, std::uint32_t crc) noexcept;
#elif defined(__aarch64__)
bool cpu_has_crc32() noexcept;
std::uint32_t crc32c_raw_arm(const void* data, std::size_t bytes, std::uint32_t crc) noexcept;
#endif

}  // namespace hfreduce::kernels
