// Sums and their kin over host memory: n sources, m destinations, one pass, no allocation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace hfreduce::kernels {

// Dense, so that it may index; data_type_of and reduce_op_of of the api translate hfreduce.h's
// values.
enum class DataType : std::uint8_t {
  kInt8 = 0,
  kUint8 = 1,
  kInt32 = 2,
  kUint32 = 3,
  kInt64 = 4,
  kUint64 = 5,
  kFloat16 = 6,
  kFloat32 = 7,
  kFloat64 = 8,
  kBfloat16 = 9,
  kFloat8E4m3 = 10,  // OCP's "fn" form: no infinity, NaN is 0x7f and 0xff
  kFloat8E5m2 = 11,
  kInt16 = 12,
  kUint16 = 13,
  kBool = 14,  // a byte; any but 0 is true, and results are 0 or 1
};
inline constexpr int kDataTypes = 15;
enum class ReduceOp : std::uint8_t {
  kSum = 0,
  kProd = 1,
  kMax = 2,
  kMin = 3,
  kAvg = 4,
  kBitAnd = 5,
  kBitOr = 6,
  kBitXor = 7,
  // A sum of inputs that were multiplied first. No kernel of its own: kProd, then kSum.
  kPreMulSum = 8,
};
inline constexpr int kReduceOps = 8;  // that tables have

std::size_t size_of(DataType type) noexcept;
std::string_view name_of(DataType type) noexcept;  // "float32", as torch calls it
std::string_view name_of(ReduceOp op) noexcept;    // "sum"
// Floats have no bitwise operations, and truth has no average.
bool has_kernel(DataType type, ReduceOp op) noexcept;

struct ReduceArgs {
  const void* const* sources = nullptr;  // n_sources >= 1
  void* const* destinations = nullptr;   // n_destinations >= 1
  std::int32_t n_sources = 0;
  std::int32_t n_destinations = 0;
  std::size_t count = 0;  // elements
  // Ranks, for kAvg on the step that completes a result; 0: do not divide.
  std::int64_t divisor = 0;
};

// destination[i] = source_0[i] op source_1[i] op ...: strictly left to right, 16-bit and 8-bit
// floats in float32 with one rounding at the end (nearest even, denormals kept, every NaN becomes
// the canonical quiet one), min and max hand a NaN on, integers wrap. kAvg is a sum that is divided
// by `divisor` at the end. A destination may be equal to a source, and must not overlap one
// otherwise. Pointers need only be aligned to the element.
using ReduceFn = void (*)(const ReduceArgs&) noexcept;

// One instruction set's kernels.
struct KernelTable {
  std::string_view name;  // "portable", "avx2"
  bool (*usable)() noexcept;
  // reduce[type][op]; nullptr where has_kernel() says no.
  const ReduceFn* reduce[kDataTypes];
};

// The fastest usable table, chosen once; the choice does not change any bit of a result.
const KernelTable& best_kernels() noexcept;
// Every table that was compiled in, portable first. For tests and tools.
const KernelTable* const* all_kernels(int* count) noexcept;

}  // namespace hfreduce::kernels
