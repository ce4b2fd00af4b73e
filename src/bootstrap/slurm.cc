#include "bootstrap/slurm.h"

#include <fmt/core.h>

#include <charconv>

namespace hfreduce::bootstrap {
namespace {

Status malformed(std::string_view list, std::string_view why) {
  return Status(Code::kInvalidArgument,
                fmt::format("Slurm's node list '{}' {}", list.substr(0, 200), why));
}

// The next piece of `rest` up to a comma outside brackets.
std::string_view next_item(std::string_view& rest) {
  int depth = 0;
  std::size_t end = 0;
  for (; end < rest.size() && (rest[end] != ',' || depth > 0); ++end) {
    if (rest[end] == '[') ++depth;
    if (rest[end] == ']') --depth;
  }
  const std::string_view item = rest.substr(0, end);
  rest.remove_prefix(end < rest.size() ? end + 1 : end);
  return item;
}

bool parse_number(std::string_view text, std::uint32_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return !text.empty() && error == std::errc() && end == text.data() + text.size();
}

// "01-03,7": the texts 01, 02, 03, 7. False: malformed, or more than `most`.
bool expand_ranges(std::string_view ranges, std::size_t most, std::vector<std::string>& texts) {
  if (ranges.empty() || ranges.back() == ',') return false;
  while (!ranges.empty()) {
    const std::string_view range = next_item(ranges);
    const std::string_view first = range.substr(0, range.find('-'));
    const std::string_view last =
        first.size() == range.size() ? first : range.substr(first.size() + 1);
    std::uint32_t from = 0, to = 0;
    if (!parse_number(first, from) || !parse_number(last, to) || to < from) return false;
    if (first.size() > 9 || to - from >= most || texts.size() + (to - from) >= most) return false;
    for (std::uint32_t i = from; i <= to; ++i) {
      texts.push_back(fmt::format("{:0{}}", i, first.size()));
    }
  }
  return true;
}

// One item: text and brackets in turn. False: malformed, or more than `most`.
bool expand_item(std::string_view item, std::size_t most, std::vector<std::string>& names) {
  names = {""};
  while (!item.empty()) {
    std::vector<std::string> texts;
    const std::size_t open = item.find_first_of("[]");
    if (open != 0) {
      texts.emplace_back(item.substr(0, open));
      item.remove_prefix(std::min(open, item.size()));
    } else {
      const std::size_t close = item.find(']');
      if (item[0] == ']' || close == std::string_view::npos ||
          !expand_ranges(item.substr(1, close - 1), most, texts)) {
        return false;
      }
      item.remove_prefix(close + 1);
    }
    if (names.size() * texts.size() > most) return false;
    std::vector<std::string> longer;
    for (const std::string& name : names) {
      for (const std::string& text : texts) longer.push_back(name + text);
    }
    names = std::move(longer);
  }
  return true;
}

}  // namespace

Result<std::vector<std::string>> expand_node_list(std::string_view list, std::size_t most) {
  std::vector<std::string> hosts;
  std::string_view rest = list;
  if (rest.size() > (1 << 20)) return malformed(list, "is longer than 1 MiB");
  while (!rest.empty()) {
    const std::string_view item = next_item(rest);
    std::vector<std::string> names;
    if (item.empty() || !expand_item(item, most, names) || hosts.size() + names.size() > most) {
      return malformed(list, fmt::format("cannot be read at '{}'", item.substr(0, 100)));
    }
    hosts.insert(hosts.end(), names.begin(), names.end());
  }
  if (hosts.empty()) return malformed(list, "is empty");
  return hosts;
}

}  // namespace hfreduce::bootstrap
