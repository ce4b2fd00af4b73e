// 16-bit and 8-bit floats with AVX2 and F16C: widened to float32, added up, rounded once. For what
// may be in this file, see reduce_avx2.cc.
#include "kernels/cpu/tables.h"

#if defined(__x86_64__)
#include <immintrin.h>

namespace hfreduce::kernels {
namespace {

#include "kernels/cpu/avx2_bytes.inc"
#include "kernels/cpu/vector_loops.inc"

// bfloat16 is the upper half of a float32: the even elements are shifted up, the odd ones lie
// right.
struct Bfloat16Format {
  static constexpr bool kByHalves = false;
  static __m256 low(Bytes v) noexcept { return _mm256_castsi256_ps(_mm256_slli_epi32(v, 16)); }
  static __m256 high(Bytes v) noexcept {
    return _mm256_castsi256_ps(_mm256_and_si256(v, _mm256_set1_epi32(-0x10000)));
  }
  // To nearest even, in the upper 16 bits of each lane. A canonical NaN passes unharmed; any other
  // might overflow into a zero.
  static Bytes round(__m256 a) noexcept {
    const Bytes bits = _mm256_castps_si256(a);
    const Bytes odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    return _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7fff)), odd);
  }
  static Bytes pack(__m256 even, __m256 odd) noexcept {
    constexpr int kOddWords = 0xaa;
    return _mm256_blend_epi16(_mm256_srli_epi32(round(even), 16), round(odd), kOddWords);
  }
};

struct Float16Format {
  static constexpr bool kByHalves = true;
  static __m256 half(const std::byte* from) noexcept {
    return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
  }
  static __m256 low(Bytes v) noexcept { return _mm256_cvtph_ps(_mm256_castsi256_si128(v)); }
  static __m256 high(Bytes v) noexcept { return _mm256_cvtph_ps(_mm256_extracti128_si256(v, 1)); }
  static Bytes pack(__m256 lo, __m256 hi) noexcept {
    constexpr int kNearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
    return _mm256_set_m128i(_mm256_cvtps_ph(hi, kNearest), _mm256_cvtps_ph(lo, kNearest));
  }
};

template <typename Format>
struct Float16Bit {
  struct Acc {
    __m256 lo, hi;
  };
  static constexpr bool kFloat = true;
  static constexpr int kVectors = 4;
  static constexpr std::size_t kElement = 2;
  static Acc widen(Bytes v) noexcept { return {Format::low(v), Format::high(v)}; }
  static Acc read(const std::byte* from) noexcept {
    if constexpr (Format::kByHalves) {  // spares taking the vector apart
      return {Format::half(from), Format::half(from + kWidth / 2)};
    } else {
      return widen(load(from));
    }
  }
  static Bytes narrow(Acc a) noexcept {
    return Format::pack(Lanes32::canonical(a.lo), Lanes32::canonical(a.hi));
  }
  static Bytes narrow_numbers(Acc a) noexcept { return Format::pack(a.lo, a.hi); }
  template <int n>
  static HFR_INLINE bool any_nan(const Acc (&acc)[n]) noexcept {
    __m256 nan = Lanes32::nan_in_either(acc[0].lo, acc[0].hi);
    for (int v = 1; v < n; ++v) {
      nan = _mm256_or_ps(nan, Lanes32::nan_in_either(acc[v].lo, acc[v].hi));
    }
    return _mm256_movemask_ps(nan) != 0;
  }
  static Acc add(Acc a, Acc b) noexcept {
    return {Lanes32::add(a.lo, b.lo), Lanes32::add(a.hi, b.hi)};
  }
  static Acc mul(Acc a, Acc b) noexcept {
    return {Lanes32::mul(a.lo, b.lo), Lanes32::mul(a.hi, b.hi)};
  }
  static Acc min(Acc a, Acc b) noexcept {
    return {Lanes32::min(a.lo, b.lo), Lanes32::min(a.hi, b.hi)};
  }
  static Acc max(Acc a, Acc b) noexcept {
    return {Lanes32::max(a.lo, b.lo), Lanes32::max(a.hi, b.hi)};
  }
  static Acc divide(Acc a, std::int64_t divisor) noexcept {
    return {Lanes32::divide(a.lo, divisor), Lanes32::divide(a.hi, divisor)};
  }
};

// float8_e5m2 is the upper half of a float16. Both functions take and give each byte in the upper
// half of 16 bits.
struct Float8E5m2Format {
  static constexpr int kFractionBits = 2, kBias = 15;
  static constexpr int kLargest = 0x47800000;  // 2^16: it comes out as infinity
  static Bytes float16_of(Bytes words) noexcept { return words; }
  static __m256 scaled(__m256 a) noexcept { return a; }
};

// Moved by one bit, the exponent of float8_e4m3 is read as one that is 8 less.
struct Float8E4m3Format {
  static constexpr int kFractionBits = 3, kBias = 7;
  static constexpr int kLargest = 0x43e00000;  // 448: there is no infinity
  static Bytes float16_of(Bytes words) noexcept {
    const Bytes all = _mm256_set1_epi16(0x7f00);
    const Bytes magnitude = _mm256_and_si256(words, all);
    const Bytes nan =
        _mm256_and_si256(_mm256_cmpeq_epi16(magnitude, all), _mm256_set1_epi16(0x7e00));
    return _mm256_or_si256(_mm256_or_si256(_mm256_andnot_si256(all, words), nan),
                           _mm256_srli_epi16(magnitude, 1));
  }
  static __m256 scaled(__m256 a) noexcept { return _mm256_mul_ps(a, _mm256_set1_ps(256)); }
};

template <typename Format>
struct Float8 {
  struct Acc {
    __m256 v[4];  // elements 0-7, 16-23, 8-15, 24-31: what packing needs
  };
  static constexpr bool kFloat = true;
  static constexpr int kVectors = 1;
  static constexpr std::size_t kElement = 1;

  static Acc widen(Bytes v) noexcept {
    const Bytes zero = _mm256_setzero_si256();
    const Bytes lo = Format::float16_of(_mm256_unpacklo_epi8(zero, v));
    const Bytes hi = Format::float16_of(_mm256_unpackhi_epi8(zero, v));
    return {{Format::scaled(_mm256_cvtph_ps(_mm256_castsi256_si128(lo))),
             Format::scaled(_mm256_cvtph_ps(_mm256_extracti128_si256(lo, 1))),
             Format::scaled(_mm256_cvtph_ps(_mm256_castsi256_si128(hi))),
             Format::scaled(_mm256_cvtph_ps(_mm256_extracti128_si256(hi, 1)))}};
  }

  // The code of each lane, in its low byte. What is added to the magnitude is so large that the
  // unit of the sum is the unit of the result there, so that the addition rounds (to nearest even)
  // and the difference counts units. Not for NaNs.
  static Bytes code_of(__m256 a) noexcept {
    constexpr int kDropped = 23 - Format::kFractionBits;
    const Bytes lowest = _mm256_set1_epi32((128 - Format::kBias) << 23);
    const Bytes bits = _mm256_castps_si256(a);
    const Bytes magnitude = _mm256_min_epi32(_mm256_and_si256(bits, _mm256_set1_epi32(0x7fffffff)),
                                             _mm256_set1_epi32(Format::kLargest));
    const Bytes exponent =
        _mm256_max_epi32(_mm256_and_si256(magnitude, _mm256_set1_epi32(0x7f800000)), lowest);
    const Bytes large = _mm256_add_epi32(exponent, _mm256_set1_epi32(kDropped << 23));
    const Bytes sum = _mm256_castps_si256(
        _mm256_add_ps(_mm256_castsi256_ps(magnitude), _mm256_castsi256_ps(large)));
    const Bytes binades = _mm256_srli_epi32(_mm256_sub_epi32(exponent, lowest), kDropped);
    const Bytes kept = _mm256_add_epi32(_mm256_sub_epi32(sum, large), binades);
    const Bytes sign = _mm256_and_si256(_mm256_srli_epi32(bits, 24), _mm256_set1_epi32(0x80));
    return _mm256_or_si256(kept, sign);
  }
  static Bytes code_with_nan(__m256 a) noexcept {
    const Bytes nan = _mm256_castps_si256(_mm256_cmp_ps(a, a, _CMP_UNORD_Q));
    return _mm256_blendv_epi8(code_of(a), _mm256_set1_epi32(0x7f), nan);
  }
  static Bytes pack(Bytes a, Bytes b, Bytes c, Bytes d) noexcept {
    const Bytes bytes = _mm256_packus_epi16(_mm256_packus_epi32(a, c), _mm256_packus_epi32(b, d));
    return _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
  }
  static Bytes narrow(Acc a) noexcept {
    return pack(code_with_nan(a.v[0]), code_with_nan(a.v[1]), code_with_nan(a.v[2]),
                code_with_nan(a.v[3]));
  }
  static Bytes narrow_numbers(Acc a) noexcept {
    return pack(code_of(a.v[0]), code_of(a.v[1]), code_of(a.v[2]), code_of(a.v[3]));
  }
  template <int n>
  static HFR_INLINE bool any_nan(const Acc (&acc)[n]) noexcept {
    const __m256 nan = _mm256_or_ps(Lanes32::nan_in_either(acc[0].v[0], acc[0].v[1]),
                                    Lanes32::nan_in_either(acc[0].v[2], acc[0].v[3]));
    return _mm256_movemask_ps(nan) != 0;
  }

  template <__m256 (*each)(__m256, __m256) noexcept>
  static Acc four(Acc a, Acc b) noexcept {
    return {
        {each(a.v[0], b.v[0]), each(a.v[1], b.v[1]), each(a.v[2], b.v[2]), each(a.v[3], b.v[3])}};
  }
  static Acc add(Acc a, Acc b) noexcept { return four<Lanes32::add>(a, b); }
  static Acc mul(Acc a, Acc b) noexcept { return four<Lanes32::mul>(a, b); }
  static Acc min(Acc a, Acc b) noexcept { return four<Lanes32::min>(a, b); }
  static Acc max(Acc a, Acc b) noexcept { return four<Lanes32::max>(a, b); }
  static Acc divide(Acc a, std::int64_t n) noexcept {
    return {{Lanes32::divide(a.v[0], n), Lanes32::divide(a.v[1], n), Lanes32::divide(a.v[2], n),
             Lanes32::divide(a.v[3], n)}};
  }
};

}  // namespace

const ReduceFn kAvx2Float16[kReduceOps] = HFR_FLOAT_ROW(Float16Bit<Float16Format>);
const ReduceFn kAvx2Bfloat16[kReduceOps] = HFR_FLOAT_ROW(Float16Bit<Bfloat16Format>);
const ReduceFn kAvx2Float8E4m3[kReduceOps] = HFR_FLOAT_ROW(Float8<Float8E4m3Format>);
const ReduceFn kAvx2Float8E5m2[kReduceOps] = HFR_FLOAT_ROW(Float8<Float8E5m2Format>);

}  // namespace hfreduce::kernels
#endif
