// The same sums with AVX2 and F16C. Everything lives in an unnamed namespace, and nothing inline
// from elsewhere is used: whatever this file compiles must not be picked by the linker for other
// files.
#include "kernels/cpu/tables.h"

#if defined(__x86_64__)
#include <immintrin.h>

namespace hfreduce::kernels {
namespace {

// All data moves as 32 bytes; a type says how they widen to what is added up, and back.
using Bytes = __m256i;
constexpr std::size_t kWidth = 32;

Bytes load(const std::byte* from) noexcept {
  return _mm256_loadu_si256(reinterpret_cast<const Bytes*>(from));
}
void store(std::byte* to, Bytes value) noexcept {
  _mm256_storeu_si256(reinterpret_cast<Bytes*>(to), value);
}

// All ones in the first `words` lanes of 32 bits.
Bytes first_words(int words) noexcept {
  const Bytes lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(words), lane);
}

// The first `bytes` (below 32) bytes, zeros after them; touches no byte beyond.
Bytes load_part(const std::byte* from, std::size_t bytes) noexcept {
  const int words = static_cast<int>(bytes / 4);
  const Bytes mask = first_words(words);
  const Bytes value = _mm256_maskload_epi32(reinterpret_cast<const int*>(from), mask);
  if (bytes % 4 == 0) return value;
  unsigned rest = 0;
  __builtin_memcpy(&rest, from + 4 * words, 1);
  if (bytes % 4 >= 2) __builtin_memcpy(&rest, from + 4 * words, 2);
  if (bytes % 4 == 3) rest |= static_cast<unsigned>(from[4 * words + 2]) << 16;
  const Bytes place = _mm256_xor_si256(mask, first_words(words + 1));
  return _mm256_or_si256(value, _mm256_and_si256(place, _mm256_set1_epi32(static_cast<int>(rest))));
}

void store_part(std::byte* to, Bytes value, std::size_t bytes) noexcept {
  const int words = static_cast<int>(bytes / 4);
  _mm256_maskstore_epi32(reinterpret_cast<int*>(to), first_words(words), value);
  if (bytes % 4 == 0) return;
  const Bytes lane = _mm256_permutevar8x32_epi32(value, _mm256_set1_epi32(words));
  const auto rest = static_cast<unsigned>(_mm256_cvtsi256_si32(lane));
  if (bytes % 4 >= 2) __builtin_memcpy(to + 4 * words, &rest, 2);
  if (bytes % 4 != 2) {
    to[bytes - 1] = static_cast<std::byte>(bytes % 4 == 1 ? rest : rest >> 16);
  }
}

struct Float32 {
  using Acc = __m256;
  static constexpr bool kFloat = true;
  static Acc widen(Bytes v) noexcept { return _mm256_castsi256_ps(v); }
  static Bytes narrow(Acc a) noexcept { return _mm256_castps_si256(canonical(a)); }
  // Which of two NaNs an addition hands on depends on the order of its operands, and that order is
  // the compiler's choice; so every NaN that was computed becomes the same one.
  static Acc canonical(Acc a) noexcept {
    const Acc nan = _mm256_castsi256_ps(_mm256_set1_epi32(0x7fc00000));
    return _mm256_blendv_ps(a, nan, _mm256_cmp_ps(a, a, _CMP_UNORD_Q));
  }
  static Acc add(Acc a, Acc b) noexcept { return _mm256_add_ps(a, b); }
  static Acc mul(Acc a, Acc b) noexcept { return _mm256_mul_ps(a, b); }
  // The instruction returns its second operand for two zeros and for a NaN. Asked both ways round,
  // OR gives -0 for zeros of two signs and keeps a NaN a NaN;
  static Acc min(Acc a, Acc b) noexcept {
    return _mm256_or_ps(_mm256_min_ps(a, b), _mm256_min_ps(b, a));
  }
  // AND gives +0, but loses a NaN, which is put back.
  static Acc max(Acc a, Acc b) noexcept {
    const Acc both = _mm256_and_ps(_mm256_max_ps(a, b), _mm256_max_ps(b, a));
    return _mm256_or_ps(both, _mm256_cmp_ps(a, b, _CMP_UNORD_Q));
  }
  static Acc divide(Acc a, std::int64_t divisor) noexcept {
    return _mm256_div_ps(a, _mm256_set1_ps(static_cast<float>(divisor)));
  }
};

struct Float64 {
  using Acc = __m256d;
  static constexpr bool kFloat = true;
  static Acc widen(Bytes v) noexcept { return _mm256_castsi256_pd(v); }
  static Bytes narrow(Acc a) noexcept {
    const Acc nan = _mm256_castsi256_pd(_mm256_set1_epi64x(0x7ff8000000000000));
    return _mm256_castpd_si256(_mm256_blendv_pd(a, nan, _mm256_cmp_pd(a, a, _CMP_UNORD_Q)));
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

// bfloat16 is the upper half of a float32: the even elements are shifted up, the odd ones lie
// right.
struct Bfloat16Format {
  static __m256 low(Bytes v) noexcept { return _mm256_castsi256_ps(_mm256_slli_epi32(v, 16)); }
  static __m256 high(Bytes v) noexcept {
    return _mm256_castsi256_ps(_mm256_and_si256(v, _mm256_set1_epi32(-0x10000)));
  }
  // To nearest even, in the upper 16 bits of each lane. A canonical NaN passes unharmed; any other
  // might overflow into a zero.
  static Bytes round(__m256 a) noexcept {
    const Bytes bits = _mm256_castps_si256(Float32::canonical(a));
    const Bytes odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    return _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7fff)), odd);
  }
  static Bytes pack(__m256 even, __m256 odd) noexcept {
    constexpr int kOddWords = 0xaa;
    return _mm256_blend_epi16(_mm256_srli_epi32(round(even), 16), round(odd), kOddWords);
  }
};

struct Float16Format {
  static __m256 low(Bytes v) noexcept { return _mm256_cvtph_ps(_mm256_castsi256_si128(v)); }
  static __m256 high(Bytes v) noexcept { return _mm256_cvtph_ps(_mm256_extracti128_si256(v, 1)); }
  static Bytes pack(__m256 lo, __m256 hi) noexcept {
    constexpr int kNearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
    return _mm256_set_m128i(_mm256_cvtps_ph(Float32::canonical(hi), kNearest),
                            _mm256_cvtps_ph(Float32::canonical(lo), kNearest));
  }
};

template <typename Format>
struct Float16Bit {
  struct Acc {
    __m256 lo, hi;
  };
  static constexpr bool kFloat = true;
  static Acc widen(Bytes v) noexcept { return {Format::low(v), Format::high(v)}; }
  static Bytes narrow(Acc a) noexcept { return Format::pack(a.lo, a.hi); }
  static Acc add(Acc a, Acc b) noexcept {
    return {Float32::add(a.lo, b.lo), Float32::add(a.hi, b.hi)};
  }
  static Acc mul(Acc a, Acc b) noexcept {
    return {Float32::mul(a.lo, b.lo), Float32::mul(a.hi, b.hi)};
  }
  static Acc min(Acc a, Acc b) noexcept {
    return {Float32::min(a.lo, b.lo), Float32::min(a.hi, b.hi)};
  }
  static Acc max(Acc a, Acc b) noexcept {
    return {Float32::max(a.lo, b.lo), Float32::max(a.hi, b.hi)};
  }
  static Acc divide(Acc a, std::int64_t divisor) noexcept {
    return {Float32::divide(a.lo, divisor), Float32::divide(a.hi, divisor)};
  }
};

struct Integer {
  using Acc = Bytes;
  static constexpr bool kFloat = false;
  static Acc widen(Bytes v) noexcept { return v; }
  static Bytes narrow(Acc a) noexcept { return a; }
};

// Divides lane by lane through `Exact`, a type in which every quotient, cut off, is right: float32
// for 8 bits, float64 for 32 (the nearest quotient that is no integer is further from one than the
// rounding reaches), the integer itself for 64.
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
struct Int32 : Integer {
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

template <typename Type, ReduceOp op>
typename Type::Acc combine(typename Type::Acc a, typename Type::Acc b) noexcept {
  if constexpr (op == ReduceOp::kProd) return Type::mul(a, b);
  if constexpr (op == ReduceOp::kMax) return Type::max(a, b);
  if constexpr (op == ReduceOp::kMin) return Type::min(a, b);
  return Type::add(a, b);
}

template <typename Type, ReduceOp op>
Bytes finish(typename Type::Acc acc, std::int64_t divisor) noexcept {
  if constexpr (op == ReduceOp::kAvg) {
    if (divisor > 0) acc = Type::divide(acc, divisor);
  }
  return Type::narrow(acc);
}

const std::byte* source(const ReduceArgs& args, std::int32_t s) noexcept {
  return static_cast<const std::byte*>(args.sources[s]);
}
std::byte* destination(const ReduceArgs& args, std::int32_t d) noexcept {
  return static_cast<std::byte*>(args.destinations[d]);
}

// `kVectors` x 32 bytes at `at`. kSources: the number of sources where it is known when compiling.
template <typename Type, ReduceOp op, int kSources, int kVectors>
void reduce_vectors(const ReduceArgs& args, std::size_t at) noexcept {
  const std::int32_t n = kSources != 0 ? kSources : args.n_sources;
  typename Type::Acc acc[kVectors];
  const std::byte* from = source(args, 0) + at;
  for (int v = 0; v < kVectors; ++v) acc[v] = Type::widen(load(from + v * kWidth));
  for (std::int32_t s = 1; s < n; ++s) {
    from = source(args, s) + at;
    for (int v = 0; v < kVectors; ++v) {
      acc[v] = combine<Type, op>(acc[v], Type::widen(load(from + v * kWidth)));
    }
  }
  Bytes out[kVectors];
  for (int v = 0; v < kVectors; ++v) out[v] = finish<Type, op>(acc[v], args.divisor);
  for (std::int32_t d = 0; d < args.n_destinations; ++d) {
    std::byte* to = destination(args, d) + at;
    for (int v = 0; v < kVectors; ++v) store(to + v * kWidth, out[v]);
  }
}

template <typename Type, ReduceOp op>
void reduce_part(const ReduceArgs& args, std::size_t at, std::size_t bytes) noexcept {
  auto acc = Type::widen(load_part(source(args, 0) + at, bytes));
  for (std::int32_t s = 1; s < args.n_sources; ++s) {
    acc = combine<Type, op>(acc, Type::widen(load_part(source(args, s) + at, bytes)));
  }
  const Bytes out = finish<Type, op>(acc, args.divisor);
  for (std::int32_t d = 0; d < args.n_destinations; ++d) {
    store_part(destination(args, d) + at, out, bytes);
  }
}

template <typename Type, ReduceOp op, int kSources>
void reduce_all(const ReduceArgs& args, std::size_t bytes) noexcept {
  constexpr int kVectors = 4;
  std::size_t at = 0;
  for (; at + kVectors * kWidth <= bytes; at += kVectors * kWidth) {
    reduce_vectors<Type, op, kSources, kVectors>(args, at);
  }
  for (; at + kWidth <= bytes; at += kWidth) reduce_vectors<Type, op, kSources, 1>(args, at);
  if (at < bytes) reduce_part<Type, op>(args, at, bytes - at);
}

template <typename Type, std::size_t kElement, ReduceOp op>
void reduce(const ReduceArgs& args) noexcept {
  const std::size_t bytes = args.count * kElement;
  if (args.n_sources == 1 && (op != ReduceOp::kAvg || args.divisor <= 0)) {
    return copy_to_all(args, bytes);
  }
  const unsigned before = Type::kFloat ? enter_default_float_mode() : 0;
  switch (args.n_sources) {
    case 2:
      reduce_all<Type, op, 2>(args, bytes);
      break;
    case 3:
      reduce_all<Type, op, 3>(args, bytes);
      break;
    case 4:
      reduce_all<Type, op, 4>(args, bytes);
      break;
    default:
      reduce_all<Type, op, 0>(args, bytes);
  }
  if (Type::kFloat) leave_default_float_mode(before);
}

#define HFR_ROW(Type, element)                                                        \
  {                                                                                   \
    reduce<Type, element, ReduceOp::kSum>, reduce<Type, element, ReduceOp::kProd>,    \
        reduce<Type, element, ReduceOp::kMax>, reduce<Type, element, ReduceOp::kMin>, \
        reduce<Type, element, ReduceOp::kAvg>                                         \
  }

}  // namespace

const KernelTable kAvx2Kernels = {
    "avx2",
    cpu_has_avx2,
    {HFR_ROW(Int8<std::int8_t>, 1), HFR_ROW(Int8<std::uint8_t>, 1), HFR_ROW(Int32<std::int32_t>, 4),
     HFR_ROW(Int32<std::uint32_t>, 4), HFR_ROW(Int64<std::int64_t>, 8),
     HFR_ROW(Int64<std::uint64_t>, 8), HFR_ROW(Float16Bit<Float16Format>, 2), HFR_ROW(Float32, 4),
     HFR_ROW(Float64, 8), HFR_ROW(Float16Bit<Bfloat16Format>, 2)},
};

}  // namespace hfreduce::kernels
#endif
