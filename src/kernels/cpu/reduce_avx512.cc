// The same sums with AVX-512 (F, BW, VL, DQ): integers, float32 and float64;
// reduce_narrow_avx512.cc has the floats that are widened. For what may be in this file, see
// reduce_avx2.cc.
#include "kernels/cpu/tables.h"

#if defined(__x86_64__)
#include <immintrin.h>

namespace hfreduce::kernels {
namespace {

#include "kernels/cpu/avx512_bytes.inc"
#include "kernels/cpu/vector_loops.inc"

struct Float32 : Lanes32 {
  static constexpr bool kFloat = true;
  static constexpr int kVectors = 4;
  static constexpr std::size_t kElement = 4;
  static Acc widen(Bytes v) noexcept { return _mm512_castsi512_ps(v); }
  static Bytes narrow(Acc a) noexcept { return _mm512_castps_si512(canonical(a)); }
  static Bytes narrow_numbers(Acc a) noexcept { return _mm512_castps_si512(a); }
  template <int n>
  static HFR_INLINE bool any_nan(const Acc (&acc)[n]) noexcept {
    __mmask16 nan = nan_in_either(acc[0], acc[n - 1]);
    for (int v = 1; v + 1 < n; v += 2) nan = _kor_mask16(nan, nan_in_either(acc[v], acc[v + 1]));
    return _kortestz_mask16_u8(nan, nan) == 0;
  }
};

struct Float64 {
  using Acc = __m512d;
  static constexpr bool kFloat = true;
  static constexpr int kVectors = 4;
  static constexpr std::size_t kElement = 8;
  static Acc canonical_nan() noexcept {
    return _mm512_castsi512_pd(_mm512_set1_epi64(0x7ff8000000000000));
  }
  static Acc widen(Bytes v) noexcept { return _mm512_castsi512_pd(v); }
  static Bytes narrow(Acc a) noexcept {
    const __mmask8 nan = _mm512_cmp_pd_mask(a, a, _CMP_UNORD_Q);
    return _mm512_castpd_si512(_mm512_mask_mov_pd(a, nan, canonical_nan()));
  }
  static Bytes narrow_numbers(Acc a) noexcept { return _mm512_castpd_si512(a); }
  template <int n>
  static HFR_INLINE bool any_nan(const Acc (&acc)[n]) noexcept {
    unsigned nan = _mm512_cmp_pd_mask(acc[0], acc[n - 1], _CMP_UNORD_Q);
    for (int v = 1; v + 1 < n; v += 2) {
      nan |= _mm512_cmp_pd_mask(acc[v], acc[v + 1], _CMP_UNORD_Q);
    }
    return nan != 0;
  }
  static Acc add(Acc a, Acc b) noexcept { return _mm512_add_pd(a, b); }
  static Acc mul(Acc a, Acc b) noexcept { return _mm512_mul_pd(a, b); }
  static Acc min(Acc a, Acc b) noexcept {
    return _mm512_or_pd(_mm512_min_pd(a, b), _mm512_min_pd(b, a));
  }
  static Acc max(Acc a, Acc b) noexcept {
    const Acc both = _mm512_and_pd(_mm512_max_pd(a, b), _mm512_max_pd(b, a));
    return _mm512_mask_mov_pd(both, _mm512_cmp_pd_mask(a, b, _CMP_UNORD_Q), canonical_nan());
  }
  static Acc divide(Acc a, std::int64_t divisor) noexcept {
    return _mm512_div_pd(a, _mm512_set1_pd(static_cast<double>(divisor)));
  }
};

struct Integer {
  using Acc = Bytes;
  static constexpr bool kFloat = false;
  static constexpr int kVectors = 4;
  static Acc widen(Bytes v) noexcept { return v; }
  static Bytes narrow(Acc a) noexcept { return a; }
  static Acc bit_and(Acc a, Acc b) noexcept { return _mm512_and_si512(a, b); }
  static Acc bit_or(Acc a, Acc b) noexcept { return _mm512_or_si512(a, b); }
  static Acc bit_xor(Acc a, Acc b) noexcept { return _mm512_xor_si512(a, b); }
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
  static Acc add(Acc a, Acc b) noexcept { return _mm512_add_epi8(a, b); }
  static Acc mul(Acc a, Acc b) noexcept {  // the even and the odd bytes, as 16-bit products
    constexpr __mmask64 kEven = 0x5555555555555555;
    const Acc odd = _mm512_mullo_epi16(_mm512_srli_epi16(a, 8), _mm512_srli_epi16(b, 8));
    return _mm512_mask_mov_epi8(_mm512_slli_epi16(odd, 8), kEven, _mm512_mullo_epi16(a, b));
  }
  static Acc min(Acc a, Acc b) noexcept {
    return kSigned ? _mm512_min_epi8(a, b) : _mm512_min_epu8(a, b);
  }
  static Acc max(Acc a, Acc b) noexcept {
    return kSigned ? _mm512_max_epi8(a, b) : _mm512_max_epu8(a, b);
  }
  static Acc divide(Acc a, std::int64_t n) noexcept { return divide_lanes<Lane, float>(a, n); }
};

template <typename Lane>
struct Int16 : Integer {
  static constexpr std::size_t kElement = sizeof(Lane);
  static constexpr bool kSigned = static_cast<Lane>(-1) < 0;
  static Acc add(Acc a, Acc b) noexcept { return _mm512_add_epi16(a, b); }
  static Acc mul(Acc a, Acc b) noexcept { return _mm512_mullo_epi16(a, b); }
  static Acc min(Acc a, Acc b) noexcept {
    return kSigned ? _mm512_min_epi16(a, b) : _mm512_min_epu16(a, b);
  }
  static Acc max(Acc a, Acc b) noexcept {
    return kSigned ? _mm512_max_epi16(a, b) : _mm512_max_epu16(a, b);
  }
  static Acc divide(Acc a, std::int64_t n) noexcept { return divide_lanes<Lane, float>(a, n); }
};

template <typename Lane>
struct Int32 : Integer {
  static constexpr std::size_t kElement = sizeof(Lane);
  static constexpr bool kSigned = static_cast<Lane>(-1) < 0;
  static Acc add(Acc a, Acc b) noexcept { return _mm512_add_epi32(a, b); }
  static Acc mul(Acc a, Acc b) noexcept { return _mm512_mullo_epi32(a, b); }
  static Acc min(Acc a, Acc b) noexcept {
    return kSigned ? _mm512_min_epi32(a, b) : _mm512_min_epu32(a, b);
  }
  static Acc max(Acc a, Acc b) noexcept {
    return kSigned ? _mm512_max_epi32(a, b) : _mm512_max_epu32(a, b);
  }
  static Acc divide(Acc a, std::int64_t n) noexcept { return divide_lanes<Lane, double>(a, n); }
};

template <typename Lane>
struct Int64 : Integer {
  static constexpr std::size_t kElement = sizeof(Lane);
  static constexpr bool kSigned = static_cast<Lane>(-1) < 0;
  static Acc add(Acc a, Acc b) noexcept { return _mm512_add_epi64(a, b); }
  static Acc mul(Acc a, Acc b) noexcept { return _mm512_mullo_epi64(a, b); }
  static Acc min(Acc a, Acc b) noexcept {
    return kSigned ? _mm512_min_epi64(a, b) : _mm512_min_epu64(a, b);
  }
  static Acc max(Acc a, Acc b) noexcept {
    return kSigned ? _mm512_max_epi64(a, b) : _mm512_max_epu64(a, b);
  }
  static Acc divide(Acc a, std::int64_t n) noexcept { return divide_lanes<Lane, Lane>(a, n); }
};

// 0 or 1 a byte, once widened.
struct Bool : Integer {
  static constexpr std::size_t kElement = 1;
  static Acc widen(Bytes v) noexcept { return _mm512_min_epu8(v, _mm512_set1_epi8(1)); }
  static Acc add(Acc a, Acc b) noexcept { return bit_or(a, b); }
  static Acc mul(Acc a, Acc b) noexcept { return bit_and(a, b); }
  static Acc min(Acc a, Acc b) noexcept { return bit_and(a, b); }
  static Acc max(Acc a, Acc b) noexcept { return bit_or(a, b); }
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

const KernelTable kAvx512Kernels = {
    "avx512",
    cpu_has_avx512,
    {kInt8, kUint8, kInt32, kUint32, kInt64, kUint64, kAvx512Float16, kFloat32, kFloat64,
     kAvx512Bfloat16, kAvx512Float8E4m3, kAvx512Float8E5m2, kInt16, kUint16, kBool},
};

}  // namespace hfreduce::kernels
#endif
