#include "kernels/cpu/copy.h"

#include "kernels/cpu/tables.h"

namespace hfreduce::kernels {

void copy_many(void* to, const void* from, std::size_t bytes) noexcept {
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)  // which watches memcpy, not every vector
  static const bool by_vectors = __builtin_cpu_is("amd") != 0 && cpu_has_avx2();
  if (by_vectors) return copy_by_vectors(to, from, bytes);
#endif
  std::memcpy(to, from, bytes);
}

}  // namespace hfreduce::kernels
