// The values of a task, type by type. An independent model of what the library must compute: it
// shares no code with it.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include "task.h"

namespace exercise {

inline std::uint64_t mix(std::uint64_t x) {  // splitmix64's finaliser
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() { return state_ = mix(state_); }
  std::uint64_t below(std::uint64_t n) { return next() % n; }

 private:
  std::uint64_t state_;
};

// How a type is stored, and in what it is computed here. kBits: integers up to 2^kBits are exact.
template <typename T>
struct Integer {
  using Stored = T;
  using Computed = T;
  static Computed load(Stored value) { return value; }
  static Stored store(Computed value) { return value; }
};

template <typename T, int kExactBits>
struct Native {
  using Stored = T;
  using Computed = T;
  static constexpr int kBits = kExactBits;
  static Computed load(Stored value) { return value; }
  static Stored store(Computed value) { return value; }
};

struct Half {
  using Stored = std::uint16_t;
  using Computed = float;
  static constexpr int kBits = 11;
  static float load(Stored value) { return static_cast<float>(std::bit_cast<_Float16>(value)); }
  static Stored store(float value) {
    return std::bit_cast<std::uint16_t>(static_cast<_Float16>(value));
  }
};

// 8-bit floats by definition: the nearest of all values, the even one of two.
template <int kFractionBits, int kBias, int kTop, int kAbove>
struct Eight {
  using Stored = std::uint8_t;
  using Computed = float;
  static constexpr int kBits = kFractionBits + 1;
  static float magnitude(int code) {
    static const auto all = [] {
      std::array<float, 128> sizes{};
      for (int c = 0; c < 128; ++c) {
        const int exponent = c >> kFractionBits, fraction = c & ((1 << kFractionBits) - 1);
        const int lead = exponent == 0 ? 0 : 1 << kFractionBits;
        sizes[static_cast<std::size_t>(c)] = std::ldexp(
            static_cast<float>(lead + fraction), std::max(exponent, 1) - kBias - kFractionBits);
      }
      return sizes;
    }();
    return all[static_cast<std::size_t>(code)];
  }
  static float load(Stored value) {
    if ((value & 0x7f) >= kTop) return std::numeric_limits<float>::quiet_NaN();  // never made here
    return std::copysign(magnitude(value & 0x7f), (value & 0x80) != 0 ? -1.0f : 1.0f);
  }
  static Stored store(float value) {
    const float size = std::fabs(value);
    int code = 0;  // the last that is not above `size`, found by halves
    for (int step = 64; step != 0; step /= 2) {
      if (code + step <= kTop && magnitude(code + step) <= size) code += step;
    }
    const float down = size - magnitude(code), up = magnitude(code + 1) - size;
    if (up < down || (up == down && code % 2 == 1)) ++code;
    return static_cast<Stored>(std::min(code, kAbove) | (std::signbit(value) ? 0x80 : 0));
  }
};
using E4m3 = Eight<3, 7, 0x7f, 0x7e>;
using E5m2 = Eight<2, 15, 0x7c, 0x7c>;

struct Truth {
  using Stored = std::uint8_t;
  using Computed = bool;
  static bool load(Stored value) { return value != 0; }
  static Stored store(bool value) { return value ? 1 : 0; }
};

struct Brain {
  using Stored = std::uint16_t;
  using Computed = float;
  static constexpr int kBits = 8;
  static float load(Stored value) { return std::bit_cast<float>(std::uint32_t{value} << 16); }
  static Stored store(float value) {  // to nearest, ties to even
    const auto bits = std::bit_cast<std::uint32_t>(value);
    return static_cast<Stored>((bits + 0x7fffu + ((bits >> 16) & 1)) >> 16);
  }
};

template <typename F>
void for_type(hfreduceDataType_t type, F&& function) {
  switch (type) {
    case hfreduceInt8:
      return function(Integer<std::int8_t>());
    case hfreduceUint8:
      return function(Integer<std::uint8_t>());
    case hfreduceInt16:
      return function(Integer<std::int16_t>());
    case hfreduceUint16:
      return function(Integer<std::uint16_t>());
    case hfreduceBool:
      return function(Truth());
    case hfreduceFloat8e4m3:
      return function(E4m3());
    case hfreduceFloat8e5m2:
      return function(E5m2());
    case hfreduceInt32:
      return function(Integer<std::int32_t>());
    case hfreduceUint32:
      return function(Integer<std::uint32_t>());
    case hfreduceInt64:
      return function(Integer<std::int64_t>());
    case hfreduceUint64:
      return function(Integer<std::uint64_t>());
    case hfreduceFloat16:
      return function(Half());
    case hfreduceBfloat16:
      return function(Brain());
    case hfreduceFloat64:
      return function(Native<double, 53>());
    default:
      return function(Native<float, 24>());
  }
}

template <typename Traits>
typename Traits::Stored integer_value(const Task& task, std::uint64_t hash) {
  using T = typename Traits::Stored;
  if (task.broadcast || task.op != hfreduceAvg) return static_cast<T>(hash);
  // A sum that wrapped has no meaningful average: keep it in range.
  const auto limit = std::min<std::uint64_t>(std::numeric_limits<T>::max(), std::uint64_t{1} << 60);
  const auto most = std::max<std::uint64_t>(limit / static_cast<std::uint64_t>(task.ranks), 1);
  const auto magnitude = static_cast<T>((hash >> 1) % (most + 1));
  return std::is_signed_v<T> && (hash & 1) != 0 ? static_cast<T>(-magnitude) : magnitude;
}

// A created operation multiplies floats by plus or minus a power of two, which the input makes up
// for.
inline int scalar_exponent(const Task& task, int rank) {
  return task.op == hfreduceFirstCreatedOp && !task.broadcast
             ? (rank + static_cast<int>(task.key % 5)) % 3 - 1
             : 0;
}

template <typename Traits>
typename Traits::Stored scalar_of(const Task& task, int rank) {
  const std::uint64_t hash = mix(task.key ^ static_cast<std::uint64_t>(rank + 77));
  using C = typename Traits::Computed;
  if constexpr (std::is_integral_v<C>) {
    return Traits::store(static_cast<C>(std::is_same_v<C, bool> ? hash & 2 : hash | 1));
  } else {
    return Traits::store(std::ldexp((hash & 8) != 0 ? C{-1} : C{1}, scalar_exponent(task, rank)));
  }
}

template <typename Traits>
typename Traits::Stored float_value(const Task& task, int rank, std::uint64_t hash) {
  using C = typename Traits::Computed;
  if (!task.broadcast && task.op == hfreduceProd) {
    // Only a dozen ranks change the exponent, so that no partial product leaves float16's range;
    // half of them for 8 bits.
    const int most = sizeof(typename Traits::Stored) == 1 ? 6 : 12;
    const int exponent =
        rank % ((task.ranks + most - 1) / most) == 0 ? static_cast<int>(hash % 3) - 1 : 0;
    return Traits::store(std::ldexp((hash & 8) != 0 ? C{-1} : C{1}, exponent));
  }
  const auto limit = std::uint64_t{1} << std::min(Traits::kBits, 40);
  // With more ranks than that only some add anything.
  const auto share = static_cast<int>(static_cast<std::uint64_t>(task.ranks) / limit) + 1;
  if ((static_cast<std::uint64_t>(rank) + task.key) % static_cast<std::uint64_t>(share) != 0) {
    return Traits::store(0);
  }
  const auto most = std::max<std::uint64_t>(limit / static_cast<std::uint64_t>(task.ranks), 1);
  const auto number =
      static_cast<std::int64_t>((hash >> 8) % (2 * most + 1)) - static_cast<std::int64_t>(most);
  const int scale = static_cast<int>(task.key % 7) - 3 - scalar_exponent(task, rank);
  return Traits::store(std::ldexp(static_cast<C>(number), scale));
}

template <typename Traits>
typename Traits::Stored value_of(const Task& task, int rank, std::size_t index) {
  const auto seed = task.key + static_cast<std::uint64_t>(rank) * 0x632be59bd9b4e019u;
  const std::uint64_t hash = mix(seed ^ (index * 0xd1342543de82ef95u));
  if constexpr (std::is_same_v<Traits, Truth>) {
    // One rank decides now and then, so that "or" and "and" are not always the same.
    const auto ranks = static_cast<std::uint64_t>(task.ranks);
    const bool lone = mix(task.key + index) % (2 * ranks) == static_cast<std::uint64_t>(rank);
    const bool common = task.key % 2 == 0;
    return lone != common ? static_cast<std::uint8_t>(task.ranks == 1 ? 1 : 1 + hash % 255) : 0;
  } else if constexpr (std::is_integral_v<typename Traits::Computed>) {
    return integer_value<Traits>(task, hash);
  } else {
    return float_value<Traits>(task, rank, hash);
  }
}

// Values repeat after so many elements: a prime, so that no two parts, segments or slots of a
// buffer look alike, and large buffers cost a copy.
inline constexpr std::size_t kPeriod = 8191;

template <typename T, typename F>
void fill_periodically(std::size_t count, void* output, F&& value) {
  auto* values = static_cast<T*>(output);
  for (std::size_t i = 0; i < std::min(count, kPeriod); ++i) values[i] = value(i);
  for (std::size_t done = kPeriod; done < count; done *= 2)
    std::copy_n(values, std::min(done, count - done), values + done);
}

template <typename Traits>
void fill_values(const Task& task, int rank, void* output) {
  fill_periodically<typename Traits::Stored>(
      task.count, output, [&](std::size_t i) { return value_of<Traits>(task, rank, i); });
}

// Integers wrap: computed without sign, where that is defined.
template <typename C>
C combine(hfreduceRedOp_t op, C a, C b) {
  switch (op) {
    case hfreduceMax:
      return std::max(a, b);
    case hfreduceMin:
      return std::min(a, b);
    case hfreduceBitAnd:
      if constexpr (std::is_integral_v<C>) return static_cast<C>(a & b);
      return a;
    case hfreduceBitOr:
      if constexpr (std::is_integral_v<C>) return static_cast<C>(a | b);
      return a;
    case hfreduceBitXor:
      if constexpr (std::is_integral_v<C>) return static_cast<C>(a ^ b);
      return a;
    case hfreduceProd:
      if constexpr (std::is_integral_v<C>) {
        return static_cast<C>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
      } else {
        return a * b;
      }
    default:
      if constexpr (std::is_integral_v<C>) {
        return static_cast<C>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
      } else {
        return a + b;
      }
  }
}

// What a rank adds to the result.
template <typename Traits>
typename Traits::Computed contribution(const Task& task, int rank, std::size_t index) {
  const auto value = Traits::load(value_of<Traits>(task, rank, index));
  if (task.op != hfreduceFirstCreatedOp) return value;
  return Traits::load(
      Traits::store(combine(hfreduceProd, value, Traits::load(scalar_of<Traits>(task, rank)))));
}

template <typename Traits>
void combine_values(const Task& task, void* output) {
  using C = typename Traits::Computed;
  fill_periodically<typename Traits::Stored>(task.count, output, [&](std::size_t i) {
    C total = contribution<Traits>(task, 0, i);
    for (int rank = 1; rank < task.ranks; ++rank) {
      total = combine(task.op, total, contribution<Traits>(task, rank, i));
    }
    if (task.op == hfreduceAvg) total = static_cast<C>(total / static_cast<C>(task.ranks));
    return Traits::store(total);
  });
}

}  // namespace exercise
