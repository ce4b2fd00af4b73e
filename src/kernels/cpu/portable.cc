// The reference: what every other table must agree with, bit for bit. Plain loops over blocks that
// stay in the innermost cache.
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

#include "kernels/cpu/formats.h"
#include "kernels/cpu/tables.h"

namespace hfreduce::kernels {
namespace {

constexpr std::size_t kBlock = 256;  // elements

// How a type lies in memory (Stored) and what it is added up in (Acc).
template <typename T>
struct Plain {
  using Stored = T;
  using Acc = T;
  static Acc widen(Stored value) noexcept { return value; }
  static Stored narrow(Acc value) noexcept {
    if constexpr (std::is_floating_point_v<T>) {
      if (value != value) return std::numeric_limits<T>::quiet_NaN();
    }
    return value;
  }
};

struct Half {
  using Stored = std::uint16_t;
  using Acc = float;
  static Acc widen(Stored bits) noexcept { return float_from_float16(bits); }
  static Stored narrow(Acc value) noexcept { return float16_from_float(value); }
};

struct Brain {
  using Stored = std::uint16_t;
  using Acc = float;
  static Acc widen(Stored bits) noexcept { return float_from_bfloat16(bits); }
  static Stored narrow(Acc value) noexcept { return bfloat16_from_float(value); }
};

template <typename Format>
struct Float8 {
  using Stored = std::uint8_t;
  using Acc = float;
  static Acc widen(Stored bits) noexcept { return float_from_float8<Format>(bits); }
  static Stored narrow(Acc value) noexcept { return float8_from_float<Format>(value); }
};

struct Truth {
  using Stored = std::uint8_t;
  using Acc = bool;
  static Acc widen(Stored value) noexcept { return value != 0; }
  static Stored narrow(Acc value) noexcept { return value ? 1 : 0; }
};

// IEEE 754-2019 minimum and maximum: a NaN wins, and -0 is below +0.
template <typename T>
T smaller(T a, T b) noexcept {
  if constexpr (std::is_floating_point_v<T>) {
    if (a != a || b != b) return std::numeric_limits<T>::quiet_NaN();
    if (a == b) return std::signbit(a) ? a : b;
  }
  return a < b ? a : b;
}
template <typename T>
T larger(T a, T b) noexcept {
  if constexpr (std::is_floating_point_v<T>) {
    if (a != a || b != b) return std::numeric_limits<T>::quiet_NaN();
    if (a == b) return std::signbit(a) ? b : a;
  }
  return a > b ? a : b;
}

template <ReduceOp op, typename T>
T combine(T a, T b) noexcept {
  if constexpr (op == ReduceOp::kMax) {
    return larger(a, b);
  } else if constexpr (op == ReduceOp::kMin) {
    return smaller(a, b);
  } else if constexpr (op == ReduceOp::kBitAnd) {
    return static_cast<T>(a & b);
  } else if constexpr (op == ReduceOp::kBitOr) {
    return static_cast<T>(a | b);
  } else if constexpr (op == ReduceOp::kBitXor) {
    return static_cast<T>(a ^ b);
  } else if constexpr (std::is_same_v<T, bool>) {
    return op == ReduceOp::kProd ? a && b : a || b;
  } else if constexpr (std::is_floating_point_v<T>) {
    return op == ReduceOp::kProd ? a * b : a + b;
  } else {  // unsigned: signed overflow would be undefined, and integers are to wrap
    using Wrapping = std::make_unsigned_t<T>;
    const auto x = static_cast<Wrapping>(a), y = static_cast<Wrapping>(b);
    return static_cast<T>(static_cast<Wrapping>(op == ReduceOp::kProd ? 1u * x * y : x + y));
  }
}

template <typename T>
T divide(T sum, std::int64_t divisor) noexcept {
  if constexpr (std::is_floating_point_v<T>) {
    return sum / static_cast<T>(divisor);
  } else if constexpr (std::is_signed_v<T>) {
    return static_cast<T>(static_cast<std::int64_t>(sum) / divisor);
  } else {
    return static_cast<T>(static_cast<std::uint64_t>(sum) / static_cast<std::uint64_t>(divisor));
  }
}

template <typename Type, ReduceOp op>
void reduce_block(const ReduceArgs& args, std::size_t begin, std::size_t count) noexcept {
  using Stored = typename Type::Stored;
  const std::size_t at = begin * sizeof(Stored), bytes = count * sizeof(Stored);
  Stored stored[kBlock];
  typename Type::Acc acc[kBlock];
  const auto load = [&](std::int32_t source) {
    std::memcpy(stored, static_cast<const std::byte*>(args.sources[source]) + at, bytes);
  };
  load(0);
  for (std::size_t i = 0; i < count; ++i) acc[i] = Type::widen(stored[i]);
  for (std::int32_t s = 1; s < args.n_sources; ++s) {
    load(s);
    for (std::size_t i = 0; i < count; ++i) acc[i] = combine<op>(acc[i], Type::widen(stored[i]));
  }
  if constexpr (op == ReduceOp::kAvg) {
    for (std::size_t i = 0; args.divisor > 0 && i < count; ++i) {
      acc[i] = divide(acc[i], args.divisor);
    }
  }
  for (std::size_t i = 0; i < count; ++i) stored[i] = Type::narrow(acc[i]);
  for (std::int32_t d = 0; d < args.n_destinations; ++d) {
    std::memcpy(static_cast<std::byte*>(args.destinations[d]) + at, stored, bytes);
  }
}

template <typename Type, ReduceOp op>
void reduce(const ReduceArgs& args) noexcept {
  if (args.n_sources == 1 && (op != ReduceOp::kAvg || args.divisor <= 0)) {
    return copy_to_all(args, args.count * sizeof(typename Type::Stored));
  }
  constexpr bool kFloat = std::is_floating_point_v<typename Type::Acc>;
  const unsigned before = kFloat ? enter_default_float_mode() : 0;
  for (std::size_t i = 0; i < args.count; i += kBlock) {
    reduce_block<Type, op>(args, i, args.count - i < kBlock ? args.count - i : kBlock);
  }
  if (kFloat) leave_default_float_mode(before);
}

template <typename Type>
constexpr ReduceFn kFloatRow[kReduceOps] = {
    reduce<Type, ReduceOp::kSum>, reduce<Type, ReduceOp::kProd>, reduce<Type, ReduceOp::kMax>,
    reduce<Type, ReduceOp::kMin>, reduce<Type, ReduceOp::kAvg>};

template <typename Type>
constexpr ReduceFn kIntegerRow[kReduceOps] = {
    reduce<Type, ReduceOp::kSum>,   reduce<Type, ReduceOp::kProd>,
    reduce<Type, ReduceOp::kMax>,   reduce<Type, ReduceOp::kMin>,
    reduce<Type, ReduceOp::kAvg>,   reduce<Type, ReduceOp::kBitAnd>,
    reduce<Type, ReduceOp::kBitOr>, reduce<Type, ReduceOp::kBitXor>,
};

constexpr ReduceFn kBoolRow[kReduceOps] = {
    reduce<Truth, ReduceOp::kSum>,
    reduce<Truth, ReduceOp::kProd>,
    reduce<Truth, ReduceOp::kMax>,
    reduce<Truth, ReduceOp::kMin>,
    nullptr,
    reduce<Truth, ReduceOp::kBitAnd>,
    reduce<Truth, ReduceOp::kBitOr>,
    reduce<Truth, ReduceOp::kBitXor>,
};

}  // namespace

const KernelTable kPortableKernels = {
    "portable",
    always_usable,
    {kIntegerRow<Plain<std::int8_t>>, kIntegerRow<Plain<std::uint8_t>>,
     kIntegerRow<Plain<std::int32_t>>, kIntegerRow<Plain<std::uint32_t>>,
     kIntegerRow<Plain<std::int64_t>>, kIntegerRow<Plain<std::uint64_t>>, kFloatRow<Half>,
     kFloatRow<Plain<float>>, kFloatRow<Plain<double>>, kFloatRow<Brain>,
     kFloatRow<Float8<Float8E4m3Format>>, kFloatRow<Float8<Float8E5m2Format>>,
     kIntegerRow<Plain<std::int16_t>>, kIntegerRow<Plain<std::uint16_t>>, kBoolRow},
};

}  // namespace hfreduce::kernels
