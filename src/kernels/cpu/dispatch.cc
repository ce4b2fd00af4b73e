// Which table this machine gets, and the few things that all tables need.
#include "kernels/cpu/copy.h"
#include "kernels/cpu/tables.h"

namespace hfreduce::kernels {

std::size_t size_of(DataType type) noexcept {
  static constexpr std::size_t kSizes[kDataTypes] = {1, 1, 4, 4, 8, 8, 2, 4, 8, 2, 1, 1, 2, 2, 1};
  return kSizes[static_cast<int>(type)];
}

std::string_view name_of(DataType type) noexcept {
  static constexpr std::string_view kNames[kDataTypes] = {
      "int8",          "uint8",       "int32",   "uint32",  "int64",
      "uint64",        "float16",     "float32", "float64", "bfloat16",
      "float8_e4m3fn", "float8_e5m2", "int16",   "uint16",  "bool"};
  return kNames[static_cast<int>(type)];
}

std::string_view name_of(ReduceOp op) noexcept {
  static constexpr std::string_view kNames[kReduceOps + 1] = {
      "sum", "prod", "max", "min", "avg", "band", "bor", "bxor", "premul_sum"};
  return kNames[static_cast<int>(op)];
}

bool has_kernel(DataType type, ReduceOp op) noexcept {
  return op < ReduceOp::kPreMulSum &&
         kPortableKernels.reduce[static_cast<int>(type)][static_cast<int>(op)] != nullptr;
}

void copy_to_all(const ReduceArgs& args, std::size_t bytes) noexcept {
  constexpr std::size_t kBlock = 8192;  // so that the second destination finds the source in L1
  const auto* source = static_cast<const std::byte*>(args.sources[0]);
  const std::size_t step = args.n_destinations > 1 ? kBlock : bytes;
  for (std::size_t at = 0; at < bytes; at += step) {
    const std::size_t part = bytes - at < step ? bytes - at : step;
    for (std::int32_t d = 0; d < args.n_destinations; ++d) {
      auto* destination = static_cast<std::byte*>(args.destinations[d]);
      if (destination != source) copy(destination + at, source + at, part);
    }
  }
}

bool always_usable() noexcept { return true; }

const KernelTable* const* all_kernels(int* count) noexcept {
  static constexpr const KernelTable* kAll[] = {
    &kPortableKernels,
#if defined(__x86_64__)
    &kAvx2Kernels,
    &kAvx512Kernels,
#elif defined(__aarch64__)
    &kNeonKernels,
#endif
  };
  *count = static_cast<int>(sizeof(kAll) / sizeof(kAll[0]));
  return kAll;
}

const KernelTable& best_kernels() noexcept {
  static const KernelTable* const best = [] {
    int count = 0;
    const KernelTable* const* tables = all_kernels(&count);
    int last = 0;
    for (int i = 0; i < count; ++i) {
      if (tables[i]->usable()) last = i;
    }
    return tables[last];
  }();
  return *best;
}

}  // namespace hfreduce::kernels
