// What a chunk holds, as numbers that tell (with an error of about 2^-60) what went into it.
#pragma once

#include <cstdint>

namespace hfreduce::schedule::proving {

constexpr std::uint64_t kPrime = (std::uint64_t{1} << 61) - 1;

inline std::uint64_t mix(std::uint64_t x) {  // splitmix64's finalizer
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}
inline std::uint64_t add(std::uint64_t a, std::uint64_t b) {
  const std::uint64_t sum = a + b;
  return sum >= kPrime ? sum - kPrime : sum;
}
inline std::uint64_t subtract(std::uint64_t a, std::uint64_t b) { return add(a, kPrime - b); }
inline std::uint64_t multiply(std::uint64_t a, std::uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * b;
  return add(static_cast<std::uint64_t>(product & kPrime),
             static_cast<std::uint64_t>(product >> 61));
}

// What avg's division is to a sum.
constexpr std::uint64_t kCompleted = 0x1234567890abcdef % kPrime;

struct Value {
  std::uint64_t sum = 0;    // of what was added up, in the field of kPrime
  std::uint64_t order = 0;  // a hash of the order in which it was
  bool operator==(const Value&) const = default;
};

inline Value joined(const Value& left, const Value& right) {
  return {add(left.sum, right.sum), mix(left.order * 3 + mix(right.order))};
}
inline Value completed(const Value& value) {
  return {multiply(value.sum, kCompleted), mix(value.order ^ 0xc0)};
}

}  // namespace hfreduce::schedule::proving
