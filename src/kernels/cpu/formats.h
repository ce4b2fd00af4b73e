// 16-bit and 8-bit floats as bits, without any instruction set. Not for files with flags of their
// own
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

// 8-bit floats (OCP 8-bit floating point specification, revision 1.0). kTop is the first magnitude
// that is no finite number.
struct Float8E4m3Format {
  static constexpr int kFractionBits = 3, kBias = 7;
  static constexpr bool kHasInfinity = false;
  static constexpr std::uint32_t kTop = 0x7f;
};
struct Float8E5m2Format {
  static constexpr int kFractionBits = 2, kBias = 15;
  static constexpr bool kHasInfinity = true;
  static constexpr std::uint32_t kTop = 0x7c;
};
inline constexpr std::uint8_t kCanonicalNan8 = 0x7f;

template <typename Format>
float float_from_float8(std::uint8_t bits) noexcept {
  constexpr int kBits = Format::kFractionBits;
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x80u) << 24;
  const std::uint32_t magnitude = bits & 0x7fu, exponent = magnitude >> kBits;
  const std::uint32_t fraction = magnitude & ((1u << kBits) - 1u);
  if (magnitude >= Format::kTop) {
    const bool infinite = Format::kHasInfinity && magnitude == Format::kTop;
    return std::bit_cast<float>(sign | (infinite ? 0x7f800000u : kCanonicalNan32));
  }
  if (exponent != 0) {
    return std::bit_cast<float>(sign | ((exponent + 127u - Format::kBias) << 23) |
                                (fraction << (23 - kBits)));
  }
  // Zero or denormal: exact in float32.
  const auto unit = std::bit_cast<float>((128u - Format::kBias - kBits) << 23);
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(static_cast<float>(fraction) * unit) |
                              sign);
}

// Round to nearest even, denormals kept; any NaN becomes 0x7f. As torch converts: what is too large
// becomes an infinity, and where there is none, the largest value.
template <typename Format>
std::uint8_t float8_from_float(float value) noexcept {
  if (value != value) return kCanonicalNan8;
  constexpr std::uint32_t kDropped = 23 - Format::kFractionBits;
  constexpr std::uint32_t kLowest = (128u - Format::kBias) << 23;  // the smallest normal value
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (bits >> 24) & 0x80u, magnitude = bits & 0x7fffffffu;
  std::uint32_t shift = kDropped, source = magnitude, kept = 0;
  if (magnitude >= kLowest) {
    kept = ((magnitude - kLowest) >> kDropped) + (1u << Format::kFractionBits);
  } else {
    shift += (kLowest - (magnitude & 0x7f800000u)) >> 23;
    if (shift > 24) return static_cast<std::uint8_t>(sign);  // below half of the smallest value
    source = (magnitude & 0x7fffffu) | 0x800000u;
    kept = source >> shift;
  }
  const std::uint32_t rest = source & ((1u << shift) - 1u), half = 1u << (shift - 1);
  if (rest > half || (rest == half && (kept & 1u) != 0)) ++kept;  // may carry into the exponent
  if (kept < Format::kTop) return static_cast<std::uint8_t>(sign | kept);
  return static_cast<std::uint8_t>(sign | (Format::kHasInfinity ? Format::kTop : Format::kTop - 1));
}

}  // namespace hfreduce::kernels
