// What a thread does between two looks at a line that another core is about to write.
#pragma once

namespace hfreduce {

inline void relax() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory");
#endif
}

}  // namespace hfreduce
