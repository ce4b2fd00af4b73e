// 16-bit and 8-bit floats with NEON: widened to float32, added up, rounded once. For what may be in
// this file, see reduce_avx2.cc.
#include "kernels/cpu/tables.h"

#if defined(__aarch64__)
#include <arm_neon.h>

namespace hfreduce::kernels {
namespace {

#include "kernels/cpu/neon_bytes.inc"
#include "kernels/cpu/vector_loops.inc"

// bfloat16 is the upper half of a float32: the even elements are shifted up, the odd ones lie
// right.
struct Bfloat16Format {
  static float32x4_t low(Bytes v) noexcept {
    return vreinterpretq_f32_u32(vshlq_n_u32(vreinterpretq_u32_u8(v), 16));
  }
  static float32x4_t high(Bytes v) noexcept {
    return vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_u8(v), vdupq_n_u32(0xffff0000)));
  }
  // To nearest even, in the upper 16 bits of each lane. A canonical NaN passes unharmed; any other
  // might overflow into a zero.
  static uint32x4_t round(float32x4_t a) noexcept {
    const uint32x4_t bits = vreinterpretq_u32_f32(a);
    const uint32x4_t odd = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
    return vaddq_u32(vaddq_u32(bits, vdupq_n_u32(0x7fff)), odd);
  }
  static Bytes pack(float32x4_t even, float32x4_t odd) noexcept {
    return vreinterpretq_u8_u32(vsriq_n_u32(round(odd), round(even), 16));
  }
};

struct Float16Format {
  static float32x4_t low(Bytes v) noexcept {
    return vcvt_f32_f16(vreinterpret_f16_u8(vget_low_u8(v)));
  }
  static float32x4_t high(Bytes v) noexcept { return vcvt_high_f32_f16(vreinterpretq_f16_u8(v)); }
  static Bytes pack(float32x4_t lo, float32x4_t hi) noexcept {
    return vreinterpretq_u8_f16(vcvt_high_f16_f32(vcvt_f16_f32(lo), hi));
  }
};

template <typename Format>
struct Float16Bit {
  struct Acc {
    float32x4_t lo, hi;
  };
  static constexpr bool kFloat = true;
  static constexpr int kVectors = 4;
  static constexpr std::size_t kElement = 2;
  static Acc widen(Bytes v) noexcept { return {Format::low(v), Format::high(v)}; }
  static Bytes narrow(Acc a) noexcept {
    return Format::pack(Lanes32::canonical(a.lo), Lanes32::canonical(a.hi));
  }
  static Bytes narrow_numbers(Acc a) noexcept { return Format::pack(a.lo, a.hi); }
  template <int n>
  static HFR_INLINE bool any_nan(const Acc (&acc)[n]) noexcept {
    uint32x4_t all = Lanes32::numbers(acc[0].lo, acc[0].hi);
    for (int v = 1; v < n; ++v) all = vandq_u32(all, Lanes32::numbers(acc[v].lo, acc[v].hi));
    return vminvq_u32(all) == 0;
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
  static constexpr std::uint32_t kLargest = 0x47800000;  // 2^16: it comes out as infinity
  static uint16x8_t float16_of(uint16x8_t words) noexcept { return words; }
  static float32x4_t scaled(float32x4_t a) noexcept { return a; }
};

// Moved by one bit, the exponent of float8_e4m3 is read as one that is 8 less.
struct Float8E4m3Format {
  static constexpr int kFractionBits = 3, kBias = 7;
  static constexpr std::uint32_t kLargest = 0x43e00000;  // 448: there is no infinity
  static uint16x8_t float16_of(uint16x8_t words) noexcept {
    const uint16x8_t all = vdupq_n_u16(0x7f00);
    const uint16x8_t magnitude = vandq_u16(words, all);
    const uint16x8_t nan = vandq_u16(vceqq_u16(magnitude, all), vdupq_n_u16(0x7e00));
    return vorrq_u16(vorrq_u16(vbicq_u16(words, all), nan), vshrq_n_u16(magnitude, 1));
  }
  static float32x4_t scaled(float32x4_t a) noexcept { return vmulq_n_f32(a, 256); }
};

template <typename Format>
struct Float8 {
  struct Acc {
    float32x4_t v[4];  // elements in order
  };
  static constexpr bool kFloat = true;
  static constexpr int kVectors = 1;
  static constexpr std::size_t kElement = 1;

  static Acc widen(Bytes v) noexcept {
    const float16x8_t lo = vreinterpretq_f16_u16(Format::float16_of(vshll_n_u8(vget_low_u8(v), 8)));
    const float16x8_t hi = vreinterpretq_f16_u16(Format::float16_of(vshll_high_n_u8(v, 8)));
    return {{Format::scaled(vcvt_f32_f16(vget_low_f16(lo))), Format::scaled(vcvt_high_f32_f16(lo)),
             Format::scaled(vcvt_f32_f16(vget_low_f16(hi))),
             Format::scaled(vcvt_high_f32_f16(hi))}};
  }

  // The code of each lane, in its low byte. What is added to the magnitude is so large that the
  // unit of the sum is the unit of the result there, so that the addition rounds (to nearest even)
  // and the difference counts units. Not for NaNs.
  static uint32x4_t code_of(float32x4_t a) noexcept {
    constexpr int kDropped = 23 - Format::kFractionBits;
    const uint32x4_t lowest = vdupq_n_u32((128u - Format::kBias) << 23);
    const uint32x4_t bits = vreinterpretq_u32_f32(a);
    const uint32x4_t magnitude =
        vminq_u32(vandq_u32(bits, vdupq_n_u32(0x7fffffff)), vdupq_n_u32(Format::kLargest));
    const uint32x4_t exponent = vmaxq_u32(vandq_u32(magnitude, vdupq_n_u32(0x7f800000)), lowest);
    const uint32x4_t large = vaddq_u32(exponent, vdupq_n_u32(std::uint32_t{kDropped} << 23));
    const uint32x4_t sum = vreinterpretq_u32_f32(
        vaddq_f32(vreinterpretq_f32_u32(magnitude), vreinterpretq_f32_u32(large)));
    const uint32x4_t binades = vshrq_n_u32(vsubq_u32(exponent, lowest), kDropped);
    const uint32x4_t kept = vaddq_u32(vsubq_u32(sum, large), binades);
    return vorrq_u32(kept, vandq_u32(vshrq_n_u32(bits, 24), vdupq_n_u32(0x80)));
  }
  static uint32x4_t code_with_nan(float32x4_t a) noexcept {
    return vbslq_u32(vceqq_f32(a, a), code_of(a), vdupq_n_u32(0x7f));
  }
  static Bytes pack(uint32x4_t a, uint32x4_t b, uint32x4_t c, uint32x4_t d) noexcept {
    return vmovn_high_u16(vmovn_u16(vmovn_high_u32(vmovn_u32(a), b)),
                          vmovn_high_u32(vmovn_u32(c), d));
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
    return vminvq_u32(vandq_u32(Lanes32::numbers(acc[0].v[0], acc[0].v[1]),
                                Lanes32::numbers(acc[0].v[2], acc[0].v[3]))) == 0;
  }

  template <float32x4_t (*each)(float32x4_t, float32x4_t) noexcept>
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

const ReduceFn kNeonFloat16[kReduceOps] = HFR_FLOAT_ROW(Float16Bit<Float16Format>);
const ReduceFn kNeonBfloat16[kReduceOps] = HFR_FLOAT_ROW(Float16Bit<Bfloat16Format>);
const ReduceFn kNeonFloat8E4m3[kReduceOps] = HFR_FLOAT_ROW(Float8<Float8E4m3Format>);
const ReduceFn kNeonFloat8E5m2[kReduceOps] = HFR_FLOAT_ROW(Float8<Float8E5m2Format>);

}  // namespace hfreduce::kernels
#endif
