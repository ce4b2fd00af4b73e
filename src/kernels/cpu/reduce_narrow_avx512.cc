// 16-bit and 8-bit floats with AVX-512: widened to float32, added up, rounded once. The processor's
// own conversion to bfloat16 is not used: it flushes denormals. For what may be in this file, see
// reduce_avx2.cc.
#include "kernels/cpu/tables.h"

#if defined(__x86_64__)
#include <immintrin.h>

namespace hfreduce::kernels {
namespace {

#include "kernels/cpu/avx512_bytes.inc"
#include "kernels/cpu/vector_loops.inc"

// bfloat16 is the upper half of a float32: the even elements are shifted up, the odd ones lie
// right.
struct Bfloat16Format {
  static constexpr bool kByHalves = false;
  static __m512 low(Bytes v) noexcept { return _mm512_castsi512_ps(_mm512_slli_epi32(v, 16)); }
  static __m512 high(Bytes v) noexcept {
    return _mm512_castsi512_ps(_mm512_and_si512(v, _mm512_set1_epi32(-0x10000)));
  }
  // To nearest even, for both at once in 16-bit lanes: what is cut off is more than half a unit, or
  // exactly half and what is kept is odd. A canonical NaN passes unharmed; any other might overflow
  // into a zero.
  static Bytes pack(__m512 even, __m512 odd) noexcept {
    constexpr __mmask32 kOddWords = 0xaaaaaaaa;
    constexpr int kFirstOrBothOthers = 0xf8;
    const Bytes e = _mm512_castps_si512(even), o = _mm512_castps_si512(odd);
    const Bytes kept = _mm512_mask_mov_epi16(_mm512_srli_epi32(e, 16), kOddWords, o);
    const Bytes rest = _mm512_mask_mov_epi16(e, kOddWords, _mm512_slli_epi32(o, 16));
    const Bytes one = _mm512_set1_epi16(1);
    const Bytes decides = _mm512_ternarylogic_epi32(rest, kept, one, kFirstOrBothOthers);
    const __mmask32 up = _mm512_cmpgt_epu16_mask(decides, _mm512_set1_epi16(-0x8000));
    return _mm512_mask_add_epi16(kept, up, kept, one);
  }
};

struct Float16Format {
  static constexpr bool kByHalves = true;
  static __m512 half(const std::byte* from) noexcept {
    return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
  }
  static __m512 low(Bytes v) noexcept { return _mm512_cvtph_ps(_mm512_castsi512_si256(v)); }
  static __m512 high(Bytes v) noexcept { return _mm512_cvtph_ps(_mm512_extracti64x4_epi64(v, 1)); }
  static Bytes pack(__m512 lo, __m512 hi) noexcept {
    constexpr int kNearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
    return _mm512_inserti64x4(_mm512_castsi256_si512(_mm512_cvtps_ph(lo, kNearest)),
                              _mm512_cvtps_ph(hi, kNearest), 1);
  }
};

template <typename Format>
struct Float16Bit {
  struct Acc {
    __m512 lo, hi;
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
    __mmask16 nan = Lanes32::nan_in_either(acc[0].lo, acc[0].hi);
    for (int v = 1; v < n; ++v) {
      nan = _kor_mask16(nan, Lanes32::nan_in_either(acc[v].lo, acc[v].hi));
    }
    return _kortestz_mask16_u8(nan, nan) == 0;
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
  static __m512 scaled(__m512 a) noexcept { return a; }
};

// Moved by one bit, the exponent of float8_e4m3 is read as one that is 8 less.
struct Float8E4m3Format {
  static constexpr int kFractionBits = 3, kBias = 7;
  static constexpr int kLargest = 0x43e00000;  // 448: there is no infinity
  static Bytes float16_of(Bytes words) noexcept {
    constexpr int kSelectByFirst = 0xca;
    const Bytes all = _mm512_set1_epi16(0x7f00), sign = _mm512_set1_epi16(-0x8000);
    const __mmask32 nan = _mm512_cmpeq_epi16_mask(_mm512_and_si512(words, all), all);
    // Below the sign only: the bit that the shift takes from it is not looked at.
    const Bytes moved = _mm512_srli_epi16(_mm512_andnot_si512(sign, words), 1);
    const Bytes value = _mm512_ternarylogic_epi32(sign, words, moved, kSelectByFirst);
    return _mm512_mask_mov_epi16(value, nan, _mm512_set1_epi16(0x7e00));
  }
  static __m512 scaled(__m512 a) noexcept { return _mm512_mul_ps(a, _mm512_set1_ps(256)); }
};

template <typename Format>
struct Float8 {
  struct Acc {
    __m512 v[4];  // elements in order
  };
  static constexpr bool kFloat = true;
  static constexpr int kVectors = 1;
  static constexpr std::size_t kElement = 1;

  static Acc widen(Bytes v) noexcept {
    const Bytes lo =
        Format::float16_of(_mm512_slli_epi16(_mm512_cvtepu8_epi16(_mm512_castsi512_si256(v)), 8));
    const Bytes hi = Format::float16_of(
        _mm512_slli_epi16(_mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64(v, 1)), 8));
    return {{Format::scaled(_mm512_cvtph_ps(_mm512_castsi512_si256(lo))),
             Format::scaled(_mm512_cvtph_ps(_mm512_extracti64x4_epi64(lo, 1))),
             Format::scaled(_mm512_cvtph_ps(_mm512_castsi512_si256(hi))),
             Format::scaled(_mm512_cvtph_ps(_mm512_extracti64x4_epi64(hi, 1)))}};
  }

  // The code of each lane, in its low byte. What is added to the magnitude is so large that the
  // unit of the sum is the unit of the result there, so that the addition rounds (to nearest even)
  // and the difference counts units. Not for NaNs.
  static Bytes code_of(__m512 a) noexcept {
    constexpr int kDropped = 23 - Format::kFractionBits;
    const Bytes lowest = _mm512_set1_epi32((128 - Format::kBias) << 23);
    const Bytes bits = _mm512_castps_si512(a);
    const Bytes magnitude = _mm512_min_epi32(_mm512_and_si512(bits, _mm512_set1_epi32(0x7fffffff)),
                                             _mm512_set1_epi32(Format::kLargest));
    const Bytes exponent =
        _mm512_max_epi32(_mm512_and_si512(magnitude, _mm512_set1_epi32(0x7f800000)), lowest);
    const Bytes large = _mm512_add_epi32(exponent, _mm512_set1_epi32(kDropped << 23));
    const Bytes sum = _mm512_castps_si512(
        _mm512_add_ps(_mm512_castsi512_ps(magnitude), _mm512_castsi512_ps(large)));
    const Bytes binades = _mm512_srli_epi32(_mm512_sub_epi32(exponent, lowest), kDropped);
    const Bytes kept = _mm512_add_epi32(_mm512_sub_epi32(sum, large), binades);
    constexpr int kFirstOrBothOthers = 0xf8;
    const Bytes sign = _mm512_set1_epi32(0x80);
    return _mm512_ternarylogic_epi32(kept, _mm512_srli_epi32(bits, 24), sign, kFirstOrBothOthers);
  }
  static Bytes code_with_nan(__m512 a) noexcept {
    const __mmask16 nan = _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q);
    return _mm512_mask_mov_epi32(code_of(a), nan, _mm512_set1_epi32(0x7f));
  }
  static Bytes pack(Bytes a, Bytes b, Bytes c, Bytes d) noexcept {
    const Bytes bytes = _mm512_packus_epi16(_mm512_packus_epi32(a, b), _mm512_packus_epi32(c, d));
    const Bytes order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    return _mm512_permutexvar_epi32(order, bytes);
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
    return (Lanes32::nan_in_either(acc[0].v[0], acc[0].v[1]) |
            Lanes32::nan_in_either(acc[0].v[2], acc[0].v[3])) != 0;
  }

  template <__m512 (*each)(__m512, __m512) noexcept>
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

const ReduceFn kAvx512Float16[kReduceOps] = HFR_FLOAT_ROW(Float16Bit<Float16Format>);
const ReduceFn kAvx512Bfloat16[kReduceOps] = HFR_FLOAT_ROW(Float16Bit<Bfloat16Format>);
const ReduceFn kAvx512Float8E4m3[kReduceOps] = HFR_FLOAT_ROW(Float8<Float8E4m3Format>);
const ReduceFn kAvx512Float8E5m2[kReduceOps] = HFR_FLOAT_ROW(Float8<Float8E5m2Format>);

}  // namespace hfreduce::kernels
#endif
