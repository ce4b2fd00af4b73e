// The same sums with AVX2: integers, float32 and float64; reduce_narrow_avx2.cc has the floats that
// are widened. Everything lives in an unnamed namespace, and nothing inline from elsewhere is used:
// whatever this file compiles must not be picked by the linker for other files.
#include "kernels/cpu/tables.h"

#if defined(__x86_64__)
#include <immintrin.h>

namespace hfreduce::kernels {
namespace {

#include "kernels/cpu/avx2_bytes.inc"
#include "kernels/cpu/vector_loops.inc"

struct Float32 : Lanes32 {
  static constexpr bool kFloat = true;
  static constexpr int kVectors = 4;
  static constexpr std::size_t kElement = 4;
  static Acc widen(Bytes v) noexcept { return _mm256_castsi256_ps(v); }
  static Bytes narrow(Acc a) noexcept { return _mm256_castps_si256(canonical(a)); }
  static Bytes narrow_numbers(Acc a) noexcept { return _mm256_castps_si256(a); }
  template <int n>
  static HFR_INLINE bool any_nan(const Acc (&acc)[n]) noexcept {
    Acc nan = nan_in_either(acc[0], acc[n - 1]);
    for (int v = 1; v + 1 < n; v += 2) nan = _mm256_or_ps(nan, nan_in_either(acc[v], acc[v + 1]));
    return _mm256_movemask_ps(nan) != 0;
  }
};

struct Float64 {
  using Acc = __m256d;
  static constexpr bool kFloat = true;
  static constexpr int kVectors = 4;
  static constexpr std::size_t kElement = 8;
  static Acc widen(Bytes v) noexcept { return _mm256_castsi256_pd(v); }
  static Bytes narrow(Acc a) noexcept {
    const Acc nan = _mm256_castsi256_pd(_mm256_set1_epi64x(0x7ff8000000000000));
    return _mm256_castpd_si256(_mm256_blendv_pd(a, nan, _mm256_cmp_pd(a, a, _CMP_UNORD_Q)));
  }
  static Bytes narrow_numbers(Acc a) noexcept { return _mm256_castpd_si256(a); }
  template <int n>
  static HFR_INLINE bool any_nan(const Acc (&acc)[n]) noexcept {
    Acc nan = _mm256_cmp_pd(acc[0], acc[n - 1], _CMP_UNORD_Q);
    for (int v = 1; v + 1 < n; v += 2) {
      nan = _mm256_or_pd(nan, _mm256_cmp_pd(acc[v], acc[v + 1], _CMP_UNORD_Q));
    }
    return _mm256_movemask_pd(nan) != 0;
  }
  static Acc add(Acc a, Acc b) noexcept { return _mm256_add_pd(a, b); }
  static Acc mul(Acc a, Acc b) noexcept { return _mm256_mul_pd(a, b); }
  static Acc min(Acc a, Acc b) noexcept {
    return _mm256_or_pd(_mm256_min_pd(a, b), _mm256_min_pd(b, a));
  }
  static Acc max(Acc a, Acc b) noexcept {
    const Acc both = _mm256_and_pd(_mm256_max_pd(a, b), _mm256_max_pd(b, a));
    return _mm256_or_pd(both, _mm256_cmp_pd(a, b, _CMP_UNORD_Q));
  }
  static Acc divide(Acc a, std::int64_t divisor) noexcept {
    return _mm256_div_pd(a, _mm256_set1_pd(static_cast<double>(divisor)));
  }
};

struct Integer {
  using Acc = Bytes;
  static constexpr bool kFloat = false;
  static constexpr int kVectors = 4;
  static Acc widen(Bytes v) noexcept { return v; }
  static Bytes narrow(Acc a) noexcept { return a; }
  static Acc bit_and(Acc a, Acc b) noexcept { return _mm256_and_si256(a, b); }
  static Acc bit_or(Acc a, Acc b) noexcept { return _mm256_or_si256(a, b); }
  static Acc bit_xor(Acc a, Acc b) noexcept { return _mm256_xor_si256(a, b); }
};

// Divides lane by lane through `Exact`, a type in which every quotient, cut off, is right: float32
// for 8 and 16 bits, float64 for 32 (the nearest quotient that is no integer is further from one
// than the rounding reaches), the integer itself for 64.
template <typename Lane, typename Exact>
Bytes divide_lanes(Bytes value, std::int64_t divisor) noexcept {
  alignas(kWidth) Lane lanes[kWidth / sizeof(Lane)];
  __builtin_memcpy(lanes, &value, kWidth);
  for (Lane& lane : lanes) {
    lane = static_cast<Lane>(static_cast<Exact>(lane) / static_cast<Exact>(divisor));
  }
  __builtin_memcpy(&value, lanes, kWidth);
  return value;
}

template <typename Lane>
struct Int8 : Integer {
  static constexpr std::size_t kElement = sizeof(Lane);
  static constexpr bool kSigned = static_cast<Lane>(-1) < 0;
  static Acc add(Acc a, Acc b) noexcept { return _mm256_add_epi8(a, b); }
  static Acc mul(Acc a, Acc b) noexcept {  // the even and the odd bytes, as 16-bit products
    const Acc even = _mm256_and_si256(_mm256_mullo_epi16(a, b), _mm256_set1_epi16(0xff));
    const Acc odd = _mm256_mullo_epi16(_mm256_srli_epi16(a, 8), _mm256_srli_epi16(b, 8));
    return _mm256_or_si256(even, _mm256_slli_epi16(odd, 8));
  }
  static Acc min(Acc a, Acc b) noexcept {
    return kSigned ? _mm256_min_epi8(a, b) : _mm256_min_epu8(a, b);
  }
  static Acc max(Acc a, Acc b) noexcept {
    return kSigned ? _mm256_max_epi8(a, b) : _mm256_max_epu8(a, b);
  }
  static Acc divide(Acc a, std::int64_t n) noexcept { return divide_lanes<Lane, float>(a, n); }
};

template <typename Lane>
struct Int16 : Integer {
  static constexpr std::size_t kElement = sizeof(Lane);
  static constexpr bool kSigned = static_cast<Lane>(-1) < 0;
  static Acc add(Acc a, Acc b) noexcept { return _mm256_add_epi16(a, b); }
  static Acc mul(Acc a, Acc b) noexcept { return _mm256_mullo_epi16(a, b); }
  static Acc min(Acc a, Acc b) noexcept {
    return kSigned ? _mm256_min_epi16(a, b) : _mm256_min_epu16(a, b);
  }
  static Acc max(Acc a, Acc b) noexcept {
    return kSigned ? _mm256_max_epi16(a, b) : _mm256_max_epu16(a, b);
  }
  static Acc divide(Acc a, std::int64_t n) noexcept { return divide_lanes<Lane, float>(a, n); }
};

// 0 or 1 a byte, once widened.
struct Bool : Integer {
  static constexpr std::size_t kElement = 1;
  static Acc widen(Bytes v) noexcept { return _mm256_min_epu8(v, _mm256_set1_epi8(1)); }
  static Acc add(Acc a, Acc b) noexcept { return bit_or(a, b); }
  static Acc mul(Acc a, Acc b) noexcept { return bit_and(a, b); }
  static Acc min(Acc a, Acc b) noexcept { return bit_and(a, b); }
  static Acc max(Acc a, Acc b) noexcept { return bit_or(a, b); }
};

template <typename Lane>
struct Int32 : Integer {
  static constexpr std::size_t kElement = sizeof(Lane);
  static constexpr bool kSigned = static_cast<Lane>(-1) < 0;
  static Acc add(Acc a, Acc b) noexcept { return _mm256_add_epi32(a, b); }
  static Acc mul(Acc a, Acc b) noexcept { return _mm256_mullo_epi32(a, b); }
  static Acc min(Acc a, Acc b) noexcept {
    return kSigned ? _mm256_min_epi32(a, b) : _mm256_min_epu32(a, b);
  }
  static Acc max(Acc a, Acc b) noexcept {
    return kSigned ? _mm256_max_epi32(a, b) : _mm256_max_epu32(a, b);
  }
  static Acc divide(Acc a, std::int64_t n) noexcept { return divide_lanes<Lane, double>(a, n); }
};

template <typename Lane>
struct Int64 : Integer {
  static constexpr std::size_t kElement = sizeof(Lane);
  static constexpr bool kSigned = static_cast<Lane>(-1) < 0;
  static Acc add(Acc a, Acc b) noexcept { return _mm256_add_epi64(a, b); }
  static Acc mul(Acc a, Acc b) noexcept {  // three 32-bit products; the fourth falls off the top
    const Acc cross = _mm256_add_epi64(_mm256_mul_epu32(_mm256_srli_epi64(a, 32), b),
                                       _mm256_mul_epu32(a, _mm256_srli_epi64(b, 32)));
    return _mm256_add_epi64(_mm256_mul_epu32(a, b), _mm256_slli_epi64(cross, 32));
  }
  static Acc greater(Acc a, Acc b) noexcept {
    if (kSigned) return _mm256_cmpgt_epi64(a, b);
    const Acc flip = _mm256_set1_epi64x(static_cast<long long>(1ULL << 63));
    return _mm256_cmpgt_epi64(_mm256_xor_si256(a, flip), _mm256_xor_si256(b, flip));
  }
  static Acc min(Acc a, Acc b) noexcept { return _mm256_blendv_epi8(a, b, greater(a, b)); }
  static Acc max(Acc a, Acc b) noexcept { return _mm256_blendv_epi8(b, a, greater(a, b)); }
  static Acc divide(Acc a, std::int64_t n) noexcept { return divide_lanes<Lane, Lane>(a, n); }
};

constexpr ReduceFn kInt8[kReduceOps] = HFR_INTEGER_ROW(Int8<std::int8_t>);
constexpr ReduceFn kUint8[kReduceOps] = HFR_INTEGER_ROW(Int8<std::uint8_t>);
constexpr ReduceFn kInt16[kReduceOps] = HFR_INTEGER_ROW(Int16<std::int16_t>);
constexpr ReduceFn kUint16[kReduceOps] = HFR_INTEGER_ROW(Int16<std::uint16_t>);
constexpr ReduceFn kInt32[kReduceOps] = HFR_INTEGER_ROW(Int32<std::int32_t>);
constexpr ReduceFn kUint32[kReduceOps] = HFR_INTEGER_ROW(Int32<std::uint32_t>);
constexpr ReduceFn kInt64[kReduceOps] = HFR_INTEGER_ROW(Int64<std::int64_t>);
constexpr ReduceFn kUint64[kReduceOps] = HFR_INTEGER_ROW(Int64<std::uint64_t>);
constexpr ReduceFn kBool[kReduceOps] = HFR_BOOL_ROW(Bool);
constexpr ReduceFn kFloat32[kReduceOps] = HFR_FLOAT_ROW(Float32);
constexpr ReduceFn kFloat64[kReduceOps] = HFR_FLOAT_ROW(Float64);

}  // namespace

const KernelTable kAvx2Kernels = {
    "avx2",
    cpu_has_avx2,
    {kInt8, kUint8, kInt32, kUint32, kInt64, kUint64, kAvx2Float16, kFloat32, kFloat64,
     kAvx2Bfloat16, kAvx2Float8E4m3, kAvx2Float8E5m2, kInt16, kUint16, kBool},
};

}  // namespace hfreduce::kernels
#endif
