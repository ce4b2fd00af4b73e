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
  } else if constexpr (std::is_floating_point_v<T>) {
    return op == ReduceOp::kProd ? a * b : a + b;
  } else {  // unsigned: signed overflow would be undefined, and integers are to wrap
    using Wrapping = std::make_unsigned_t<T>;
    const auto x = static_cast<Wrapping>(a), y = static_cast<Wrapping>(b);
    return static_cast<T>(static_cast<Wrapping>(op == ReduceOp::kProd ? x * y : x + y));
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
  if (op == ReduceOp::kAvg && args.divisor > 0) {
    for (std::size_t i = 0; i < count; ++i) acc[i] = divide(acc[i], args.divisor);
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

#define HFR_ROW(Type)                                                                          \
  {                                                                                            \
    reduce<Type, ReduceOp::kSum>, reduce<Type, ReduceOp::kProd>, reduce<Type, ReduceOp::kMax>, \
        reduce<Type, ReduceOp::kMin>, reduce<Type, ReduceOp::kAvg>                             \
  }

}  // namespace

const KernelTable kPortableKernels = {
    "portable",
    always_usable,
    {HFR_ROW(Plain<std::int8_t>), HFR_ROW(Plain<std::uint8_t>), HFR_ROW(Plain<std::int32_t>),
     HFR_ROW(Plain<std::uint32_t>), HFR_ROW(Plain<std::int64_t>), HFR_ROW(Plain<std::uint64_t>),
     HFR_ROW(Half), HFR_ROW(Plain<float>), HFR_ROW(Plain<double>), HFR_ROW(Brain)},
};

}  // namespace hfreduce::kernels
