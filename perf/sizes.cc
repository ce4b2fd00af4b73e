#include "sizes.h"

#include <fmt/format.h>

#include <charconv>
#include <limits>

namespace hfreduce::perf {
namespace {

constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();

}  // namespace

std::optional<std::uint64_t> parse_size(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return std::nullopt;
  std::string suffix(end, text.data() + text.size());
  for (char& c : suffix) c = (c >= 'a' && c <= 'z') ? static_cast<char>(c - 'a' + 'A') : c;
  int shift = 0;
  if (!suffix.empty() && suffix != "B") {
    const std::size_t which = std::string_view("KMGT").find(suffix[0]);
    if (which == std::string_view::npos) return std::nullopt;
    const std::string rest = suffix.substr(1);
    if (!rest.empty() && rest != "B" && rest != "IB") return std::nullopt;
    shift = 10 * (static_cast<int>(which) + 1);
  }
  if (value > (kMost >> shift)) return std::nullopt;
  return value << shift;
}

std::string show_size(std::uint64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < std::size(kUnits); ++unit) value /= 1024;
  return fmt::format("{:.4g} {}", value, kUnits[unit]);
}

std::vector<std::uint64_t> sizes_of(const Sweep& sweep, std::size_t element) {
  std::vector<std::uint64_t> sizes;
  std::uint64_t bytes = sweep.first;
  while (bytes <= sweep.last) {
    const std::uint64_t whole = bytes / element * element;
    if (sizes.empty() || sizes.back() != whole) sizes.push_back(whole);
    std::uint64_t next = 0;
    if (sweep.factor > 0) {
      if (bytes > sweep.last / sweep.factor) break;
      next = bytes * sweep.factor;
    } else {
      if (sweep.step > sweep.last - bytes) break;
      next = bytes + sweep.step;
    }
    if (next <= bytes) break;  // 0 times a factor, or no step
    bytes = next;
  }
  return sizes;
}

}  // namespace hfreduce::perf
