// The same sums with NEON, which every aarch64 has: integers, float32 and float64;
// reduce_narrow_neon.cc has the floats that are widened. For what may be in this file, see
// reduce_avx2.cc.
#include "kernels/cpu/tables.h"

#if defined(__aarch64__)
#include <arm_neon.h>

namespace hfreduce::kernels {
namespace {

#include "kernels/cpu/neon_bytes.inc"
#include "kernels/cpu/vector_loops.inc"

struct Float32 : Lanes32 {
  static constexpr bool kFloat = true;
  static constexpr int kVectors = 4;
  static constexpr std::size_t kElement = 4;
  static Acc widen(Bytes v) noexcept { return vreinterpretq_f32_u8(v); }
  static Bytes narrow(Acc a) noexcept { return vreinterpretq_u8_f32(canonical(a)); }
  static Bytes narrow_numbers(Acc a) noexcept { return vreinterpretq_u8_f32(a); }
  template <int n>
  static HFR_INLINE bool any_nan(const Acc (&acc)[n]) noexcept {
    uint32x4_t all = numbers(acc[0], acc[n - 1]);
    for (int v = 1; v + 1 < n; ++v) all = vandq_u32(all, vceqq_f32(acc[v], acc[v]));
    return vminvq_u32(all) == 0;
  }
};

struct Float64 {
  using Acc = float64x2_t;
  static constexpr bool kFloat = true;
  static constexpr int kVectors = 4;
  static constexpr std::size_t kElement = 8;
  static Acc widen(Bytes v) noexcept { return vreinterpretq_f64_u8(v); }
  static Bytes narrow(Acc a) noexcept {
    const Acc nan = vreinterpretq_f64_u64(vdupq_n_u64(0x7ff8000000000000));
    return vreinterpretq_u8_f64(vbslq_f64(vceqq_f64(a, a), a, nan));
  }
  static Bytes narrow_numbers(Acc a) noexcept { return vreinterpretq_u8_f64(a); }
  template <int n>
  static HFR_INLINE bool any_nan(const Acc (&acc)[n]) noexcept {
    uint64x2_t all = vceqq_f64(acc[0], acc[0]);
    for (int v = 1; v < n; ++v) all = vandq_u64(all, vceqq_f64(acc[v], acc[v]));
    return vminvq_u32(vreinterpretq_u32_u64(all)) == 0;
  }
  static Acc add(Acc a, Acc b) noexcept { return vaddq_f64(a, b); }
  static Acc mul(Acc a, Acc b) noexcept { return vmulq_f64(a, b); }
  static Acc min(Acc a, Acc b) noexcept { return vminq_f64(a, b); }
  static Acc max(Acc a, Acc b) noexcept { return vmaxq_f64(a, b); }
  static Acc divide(Acc a, std::int64_t divisor) noexcept {
    return vdivq_f64(a, vdupq_n_f64(static_cast<double>(divisor)));
  }
};

struct Bits {
  using Acc = Bytes;
  static constexpr bool kFloat = false;
  static constexpr int kVectors = 4;
  static Acc widen(Bytes v) noexcept { return v; }
  static Bytes narrow(Acc a) noexcept { return a; }
  static Acc bit_and(Acc a, Acc b) noexcept { return vandq_u8(a, b); }
  static Acc bit_or(Acc a, Acc b) noexcept { return vorrq_u8(a, b); }
  static Acc bit_xor(Acc a, Acc b) noexcept { return veorq_u8(a, b); }
};

// The compiler's own vectors: they know all widths and both signs. Sums and products are those of
// unsigned lanes, which wrap.
template <typename Lane, typename Unsigned>
struct Integer : Bits {
  typedef Lane Lanes __attribute__((vector_size(16)));
  typedef Unsigned Wrapping __attribute__((vector_size(16)));
  static constexpr std::size_t kElement = sizeof(Lane);
  static Acc add(Acc a, Acc b) noexcept {
    return reinterpret_cast<Acc>(reinterpret_cast<Wrapping>(a) + reinterpret_cast<Wrapping>(b));
  }
  static Acc mul(Acc a, Acc b) noexcept {
    return reinterpret_cast<Acc>(reinterpret_cast<Wrapping>(a) * reinterpret_cast<Wrapping>(b));
  }
  static Acc below(Acc a, Acc b) noexcept {
    return reinterpret_cast<Acc>(reinterpret_cast<Lanes>(a) < reinterpret_cast<Lanes>(b));
  }
  static Acc min(Acc a, Acc b) noexcept { return vbslq_u8(below(a, b), a, b); }
  static Acc max(Acc a, Acc b) noexcept { return vbslq_u8(below(a, b), b, a); }
  static Acc divide(Acc a, std::int64_t divisor) noexcept {
    Lane lanes[kWidth / sizeof(Lane)];
    __builtin_memcpy(lanes, &a, kWidth);
    for (Lane& lane : lanes) lane = quotient(lane, divisor);
    __builtin_memcpy(&a, lanes, kWidth);
    return a;
  }
  static Lane quotient(Lane lane, std::int64_t divisor) noexcept {
    if constexpr (static_cast<Lane>(-1) < 0) {
      return static_cast<Lane>(static_cast<std::int64_t>(lane) / divisor);
    } else {
      return static_cast<Lane>(static_cast<std::uint64_t>(lane) /
                               static_cast<std::uint64_t>(divisor));
    }
  }
};

// 0 or 1 a byte, once widened.
struct Bool : Bits {
  static constexpr std::size_t kElement = 1;
  static Acc widen(Bytes v) noexcept { return vminq_u8(v, vdupq_n_u8(1)); }
  static Acc add(Acc a, Acc b) noexcept { return bit_or(a, b); }
  static Acc mul(Acc a, Acc b) noexcept { return bit_and(a, b); }
  static Acc min(Acc a, Acc b) noexcept { return bit_and(a, b); }
  static Acc max(Acc a, Acc b) noexcept { return bit_or(a, b); }
};

using Int8 = Integer<std::int8_t, std::uint8_t>;
using Uint8 = Integer<std::uint8_t, std::uint8_t>;
using Int16 = Integer<std::int16_t, std::uint16_t>;
using Uint16 = Integer<std::uint16_t, std::uint16_t>;
using Int32 = Integer<std::int32_t, std::uint32_t>;
using Uint32 = Integer<std::uint32_t, std::uint32_t>;
using Int64 = Integer<std::int64_t, std::uint64_t>;
using Uint64 = Integer<std::uint64_t, std::uint64_t>;

constexpr ReduceFn kInt8[kReduceOps] = HFR_INTEGER_ROW(Int8);
constexpr ReduceFn kUint8[kReduceOps] = HFR_INTEGER_ROW(Uint8);
constexpr ReduceFn kInt16[kReduceOps] = HFR_INTEGER_ROW(Int16);
constexpr ReduceFn kUint16[kReduceOps] = HFR_INTEGER_ROW(Uint16);
constexpr ReduceFn kInt32[kReduceOps] = HFR_INTEGER_ROW(Int32);
constexpr ReduceFn kUint32[kReduceOps] = HFR_INTEGER_ROW(Uint32);
constexpr ReduceFn kInt64[kReduceOps] = HFR_INTEGER_ROW(Int64);
constexpr ReduceFn kUint64[kReduceOps] = HFR_INTEGER_ROW(Uint64);
constexpr ReduceFn kBool[kReduceOps] = HFR_BOOL_ROW(Bool);
constexpr ReduceFn kFloat32[kReduceOps] = HFR_FLOAT_ROW(Float32);
constexpr ReduceFn kFloat64[kReduceOps] = HFR_FLOAT_ROW(Float64);

}  // namespace

const KernelTable kNeonKernels = {
    "neon",
    always_usable,
    {kInt8, kUint8, kInt32, kUint32, kInt64, kUint64, kNeonFloat16, kFloat32, kFloat64,
     kNeonBfloat16, kNeonFloat8E4m3, kNeonFloat8E5m2, kInt16, kUint16, kBool},
};

}  // namespace hfreduce::kernels
#endif
