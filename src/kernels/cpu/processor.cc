// What the processor has, and its float mode.
#include "kernels/cpu/tables.h"

#if defined(__x86_64__)
#include <xmmintrin.h>
#elif defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace hfreduce::kernels {

#if defined(__x86_64__)

namespace {
constexpr unsigned kExceptionFlags = 0x3f;
constexpr unsigned kDefaultMode = 0x1f80;  // exceptions masked, to nearest, denormals kept
}  // namespace

unsigned enter_default_float_mode() noexcept {
  const unsigned before = _mm_getcsr();
  if ((before & ~kExceptionFlags) != kDefaultMode) _mm_setcsr(kDefaultMode);
  return before;
}

void leave_default_float_mode(unsigned before) noexcept {
  if ((before & ~kExceptionFlags) != kDefaultMode) _mm_setcsr(before);
}

bool cpu_has_avx2() noexcept {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("f16c") &&
         __builtin_cpu_supports("bmi2");
}

bool cpu_has_avx512() noexcept {
  return cpu_has_avx2() && __builtin_cpu_supports("avx512f") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512dq");
}

bool cpu_has_crc32() noexcept {
  return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul");
}

bool cpu_has_wide_products() noexcept {
  return cpu_has_crc32() && __builtin_cpu_supports("avx512f") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("vpclmulqdq");
}

#elif defined(__aarch64__)

// All zeros: to nearest, denormals kept, NaNs handed on, nothing trapped.
unsigned enter_default_float_mode() noexcept {
  std::uint64_t before = 0;
  __asm__ volatile("mrs %0, fpcr" : "=r"(before));
  if (before != 0) __asm__ volatile("msr fpcr, xzr" ::: "memory");
  return static_cast<unsigned>(before);
}

void leave_default_float_mode(unsigned before) noexcept {
  if (before != 0) __asm__ volatile("msr fpcr, %0" ::"r"(std::uint64_t{before}) : "memory");
}

bool cpu_has_crc32() noexcept {
  constexpr unsigned long kNeeded = HWCAP_CRC32 | HWCAP_PMULL;
  return (getauxval(AT_HWCAP) & kNeeded) == kNeeded;
}

#else

unsigned enter_default_float_mode() noexcept { return 0; }
void leave_default_float_mode(unsigned) noexcept {}

#endif

}  // namespace hfreduce::kernels
