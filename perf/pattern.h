// What each rank puts in, and what must come out: to the bit, whatever the order of operations.
//
// Inputs repeat with a period that is prime, so that data which went to the wrong place by any
// power of two shows. Floats are small whole numbers or powers of two, chosen so that every partial
// result is exact; integers use all their bits, since wrapping does not depend on order either.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "kinds.h"

namespace hfreduce::perf {

inline constexpr std::size_t kPeriod = 10007;  // elements

struct Pattern {
  Collective collective = Collective::kAllReduce;
  const TypeInfo* type = nullptr;
  const OpInfo* op = nullptr;  // kAllReduce
  int ranks = 1;
  int root = 0;            // kBroadcast
  std::uint64_t salt = 0;  // another one for each checked call, so that old results do not pass
};

// One element, in the low bytes of the word.
std::uint64_t input_bits(const Pattern& pattern, int rank, std::size_t index);
std::uint64_t expected_bits(const Pattern& pattern, std::size_t index);

// One period of what `rank` puts in, or of what comes out (no more than `count` elements), as
// bytes.
std::vector<std::byte> input_period(const Pattern& pattern, int rank, std::size_t count);
std::vector<std::byte> expected_period(const Pattern& pattern, std::size_t count);
// Fills `buffer` with repetitions of `period`.
void repeat(std::span<const std::byte> period, std::span<std::byte> buffer);

struct Wrong {
  std::uint64_t count = 0;
  std::uint64_t index = 0;  // of the first
  std::uint64_t expected = 0, got = 0;
};
// Elements of `buffer` that differ from repetitions of `period`.
Wrong compare(std::span<const std::byte> period, std::span<const std::byte> buffer,
              std::size_t element);

// "3 (0x4040)".
std::string show_element(const TypeInfo& type, std::uint64_t bits);

}  // namespace hfreduce::perf
