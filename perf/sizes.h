// Byte counts as people write them, and the series that a run goes through.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hfreduce::perf {

// "64", "8K", "32M", "1G", also "8KiB" and "8kb": powers of 1024. Nothing: not a size.
std::optional<std::uint64_t> parse_size(std::string_view text);
// "8 B", "4 KiB", "1.5 MiB".
std::string show_size(std::uint64_t bytes);

struct Sweep {
  std::uint64_t first = 8;
  std::uint64_t last = 32 << 20;
  std::uint64_t factor = 4;  // 0: add `step` instead
  std::uint64_t step = 0;
};
// Every size from first to last, each a whole number of elements, none twice.
std::vector<std::uint64_t> sizes_of(const Sweep& sweep, std::size_t element);

}  // namespace hfreduce::perf
