#include "pattern.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "float_bits.h"

namespace hfreduce::perf {
namespace {

// A well mixed word from three numbers (the finalizer of splitmix64).
std::uint64_t mix(std::uint64_t salt, std::uint64_t rank, std::uint64_t index) {
  std::uint64_t z = salt * 0x9e3779b97f4a7c15u + rank * 0xd1342543de82ef95u + index + 1;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

std::uint64_t low_bytes(std::uint64_t word, std::size_t bytes) {
  return bytes == 8 ? word : word & ((std::uint64_t{1} << (8 * bytes)) - 1);
}

std::int64_t sign_extend(std::uint64_t word, std::size_t bytes) {
  const int unused = 64 - 8 * static_cast<int>(bytes);
  return static_cast<std::int64_t>(word << unused) >> unused;
}

// Never zero, so that a contribution that is missing shows; no partial sum exceeds what is exact.
double summand(const Pattern& p, int rank, std::size_t index, std::uint64_t word) {
  const auto most = static_cast<std::int64_t>(std::min(p.type->exact / p.ranks, 100.0));
  if (most == 0) {  // more ranks than whole numbers: only some add a one
    const auto share = static_cast<std::size_t>(p.ranks / p.type->exact) + 1;
    return (static_cast<std::size_t>(rank) + index) % share == 0 ? 1 : 0;
  }
  const std::int64_t value =
      static_cast<std::int64_t>(word % static_cast<std::uint64_t>(2 * most + 1)) - most;
  return static_cast<double>(value == 0 ? most : value);
}

// Signs, and a few powers of two: products stay exact.
double factor(const Pattern& p, int rank, std::size_t index, std::uint64_t word) {
  const bool active =
      (static_cast<std::size_t>(rank) + index) % static_cast<std::size_t>(p.ranks) < 6;
  const double size = !active ? 1 : (word & 1) != 0 ? 2 : 0.5;
  return (word & 2) != 0 ? size : -size;
}

double float_input(const Pattern& p, int rank, std::size_t index) {
  const std::uint64_t word = mix(p.salt, static_cast<std::uint64_t>(rank), index);
  switch (p.op->value) {
    case hfreduceProd:
      return factor(p, rank, index, word);
    case hfreduceMax:
    case hfreduceMin:
      return static_cast<double>(word % 257) - 128;
    default:
      return summand(p, rank, index, word);
  }
}

std::uint64_t expected_float(const Pattern& p, std::size_t index) {
  double result = float_input(p, 0, index);
  for (int rank = 1; rank < p.ranks; ++rank) {
    const double value = float_input(p, rank, index);
    switch (p.op->value) {
      case hfreduceProd:
        result *= value;
        break;
      case hfreduceMax:
        result = std::max(result, value);
        break;
      case hfreduceMin:
        result = std::min(result, value);
        break;
      default:
        result += value;
    }
  }
  if (p.op->value == hfreduceAvg) {  // divided in float32, except for float64
    result = p.type->value == hfreduceFloat64
                 ? result / p.ranks
                 : static_cast<float>(result) / static_cast<float>(p.ranks);
  }
  return float_to_bits(p.type->value, result);
}

std::uint64_t integer_input(const Pattern& p, int rank, std::size_t index) {
  const std::uint64_t word = mix(p.salt, static_cast<std::uint64_t>(rank), index);
  // An even factor would soon make every product zero.
  return low_bytes(p.op->value == hfreduceProd ? word | 1 : word, p.type->size);
}

// One rank decides each element: it alone says yes where a yes decides, and no where a no does.
std::uint64_t bool_input(const Pattern& p, int rank, std::size_t index) {
  if (p.op->value == hfreduceBitXor) return integer_input(p, rank, index) & 1;
  const std::uint64_t word = mix(p.salt, 0, index);
  const bool chosen =
      word % (2 * static_cast<std::uint64_t>(p.ranks)) == static_cast<std::uint64_t>(rank);
  const bool all =
      p.op->value == hfreduceProd || p.op->value == hfreduceMin || p.op->value == hfreduceBitAnd;
  return chosen != all ? 1 : 0;
}

std::uint64_t expected_bool(const Pattern& p, std::size_t index) {
  int yes = 0;
  for (int rank = 0; rank < p.ranks; ++rank) yes += bool_input(p, rank, index) != 0;
  switch (p.op->value) {
    case hfreduceBitXor:
      return static_cast<std::uint64_t>(yes % 2);
    case hfreduceProd:
    case hfreduceMin:
    case hfreduceBitAnd:
      return yes == p.ranks ? 1 : 0;
    default:
      return yes > 0 ? 1 : 0;
  }
}

bool integer_less(const TypeInfo& type, std::uint64_t a, std::uint64_t b) {
  if (type.number == Number::kUnsigned) return a < b;
  return sign_extend(a, type.size) < sign_extend(b, type.size);
}

std::uint64_t expected_integer(const Pattern& p, std::size_t index) {
  std::uint64_t result = integer_input(p, 0, index);
  for (int rank = 1; rank < p.ranks; ++rank) {
    const std::uint64_t value = integer_input(p, rank, index);
    switch (p.op->value) {
      case hfreduceProd:
        result *= value;
        break;
      case hfreduceMax:
        result = integer_less(*p.type, result, value) ? value : result;
        break;
      case hfreduceMin:
        result = integer_less(*p.type, value, result) ? value : result;
        break;
      case hfreduceBitAnd:
        result &= value;
        break;
      case hfreduceBitOr:
        result |= value;
        break;
      case hfreduceBitXor:
        result ^= value;
        break;
      default:
        result += value;
    }
  }
  result = low_bytes(result, p.type->size);
  if (p.op->value == hfreduceAvg) {  // the wrapped sum, cut off towards zero
    result = p.type->number == Number::kUnsigned
                 ? result / static_cast<std::uint64_t>(p.ranks)
                 : static_cast<std::uint64_t>(sign_extend(result, p.type->size) / p.ranks);
  }
  return low_bytes(result, p.type->size);
}

template <typename Bits>
std::vector<std::byte> period_of(std::size_t count, std::size_t element, const Bits& bits) {
  const std::size_t elements = std::min(count, kPeriod);
  std::vector<std::byte> period(elements * element);
  for (std::size_t i = 0; i < elements; ++i) {
    const std::uint64_t word = bits(i);  // little endian, as every machine this runs on
    std::memcpy(period.data() + i * element, &word, element);
  }
  return period;
}

}  // namespace

std::uint64_t input_bits(const Pattern& pattern, int rank, std::size_t index) {
  if (pattern.collective == Collective::kBroadcast) {
    return low_bytes(mix(pattern.salt, static_cast<std::uint64_t>(rank), index),
                     pattern.type->size);
  }
  if (pattern.type->number == Number::kBool) return bool_input(pattern, rank, index);
  if (pattern.type->number != Number::kFloat) return integer_input(pattern, rank, index);
  return float_to_bits(pattern.type->value, float_input(pattern, rank, index));
}

std::uint64_t expected_bits(const Pattern& pattern, std::size_t index) {
  if (pattern.collective == Collective::kBroadcast) {
    return input_bits(pattern, pattern.root, index);
  }
  if (pattern.type->number == Number::kBool) return expected_bool(pattern, index);
  return pattern.type->number == Number::kFloat ? expected_float(pattern, index)
                                                : expected_integer(pattern, index);
}

std::vector<std::byte> input_period(const Pattern& pattern, int rank, std::size_t count) {
  return period_of(count, pattern.type->size,
                   [&](std::size_t i) { return input_bits(pattern, rank, i); });
}

std::vector<std::byte> expected_period(const Pattern& pattern, std::size_t count) {
  return period_of(count, pattern.type->size,
                   [&](std::size_t i) { return expected_bits(pattern, i); });
}

void repeat(std::span<const std::byte> period, std::span<std::byte> buffer) {
  for (std::size_t at = 0; at < buffer.size(); at += period.size()) {
    std::memcpy(buffer.data() + at, period.data(), std::min(period.size(), buffer.size() - at));
  }
}

Wrong compare(std::span<const std::byte> period, std::span<const std::byte> buffer,
              std::size_t element) {
  Wrong wrong;
  for (std::size_t at = 0; at < buffer.size(); at += period.size()) {
    const std::size_t part = std::min(period.size(), buffer.size() - at);
    if (std::memcmp(buffer.data() + at, period.data(), part) == 0) continue;
    for (std::size_t i = 0; i < part; i += element) {
      if (std::memcmp(buffer.data() + at + i, period.data() + i, element) == 0) continue;
      if (wrong.count++ > 0) continue;
      wrong.index = (at + i) / element;
      std::memcpy(&wrong.expected, period.data() + i, element);
      std::memcpy(&wrong.got, buffer.data() + at + i, element);
    }
  }
  return wrong;
}

std::string show_element(const TypeInfo& type, std::uint64_t bits) {
  const int digits = 2 * static_cast<int>(type.size);
  if (type.number == Number::kFloat) {
    return fmt::format("{:.9g} (0x{:0{}x})", float_from_bits(type.value, bits), bits, digits);
  }
  if (type.number != Number::kSigned) return fmt::format("{} (0x{:0{}x})", bits, bits, digits);
  return fmt::format("{} (0x{:0{}x})", sign_extend(bits, type.size), bits, digits);
}

}  // namespace hfreduce::perf
