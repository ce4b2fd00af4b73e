// 16-bit floats as bits, without any instruction set. Not for files with flags of their own
// (*_avx2.cc): inline functions must be compiled alike everywhere.
#pragma once

#include <bit>
#include <cstdint>

namespace hfreduce::kernels {

inline constexpr std::uint32_t kCanonicalNan32 = 0x7fc00000u;
inline constexpr std::uint64_t kCanonicalNan64 = 0x7ff8000000000000u;

inline float float_from_bfloat16(std::uint16_t bits) noexcept {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

// Round to nearest even; any NaN becomes 0x7fc0.
inline std::uint16_t bfloat16_from_float(float value) noexcept {
  if (value != value) return 0x7fc0;
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

inline float float_from_float16(std::uint16_t bits) noexcept {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000u) << 16;
  const std::uint32_t exponent = (bits >> 10) & 0x1fu;
  const std::uint32_t fraction = bits & 0x3ffu;
  if (exponent == 0) {  // zero or denormal: fraction * 2^-24 is exact in float32
    const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return std::bit_cast<float>(std::bit_cast<std::uint32_t>(magnitude) | sign);
  }
  if (exponent == 31) {  // infinity or NaN, made quiet
    const std::uint32_t quiet = fraction != 0 ? 0x400000u : 0u;
    return std::bit_cast<float>(sign | 0x7f800000u | quiet | (fraction << 13));
  }
  return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (fraction << 13));
}

// Round to nearest even, denormals kept, overflow to infinity; any NaN becomes 0x7e00.
inline std::uint16_t float16_from_float(float value) noexcept {
  if (value != value) return 0x7e00;
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000u);
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude >= 0x477ff000u) return sign | 0x7c00u;  // 65520 and above
  if (magnitude < 0x33000000u) return sign;             // below 2^-25
  // What is kept, its unit, and the bits below it that decide the rounding.
  std::uint32_t kept = 0, rest = 0, half = 0;
  if (magnitude >= 0x38800000u) {  // 2^-14: normal
    kept = (magnitude - 0x38000000u) >> 13;
    rest = magnitude & 0x1fffu;
    half = 0x1000u;
  } else {
    const std::uint32_t shift = 126u - (magnitude >> 23);  // 14 .. 24
    const std::uint32_t fraction = (magnitude & 0x7fffffu) | 0x800000u;
    kept = fraction >> shift;
    rest = fraction & ((1u << shift) - 1u);
    half = 1u << (shift - 1);
  }
  if (rest > half || (rest == half && (kept & 1u) != 0)) ++kept;  // may carry into the exponent
  return static_cast<std::uint16_t>(sign | kept);
}

}  // namespace hfreduce::kernels
