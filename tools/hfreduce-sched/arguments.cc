// What the commands have in common: ranks, names, and what is wrong with them.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdio>

#include "commands.h"

namespace hfreduce::sched {

constexpr std::int32_t kMostRanks = 100'000;

int bad_input(const std::string& sentence) {
  fmt::print(stderr, "hfreduce-sched: {}\n", sentence);
  return kBadInput;
}

bool parse_ranks(const std::string& text, std::int32_t* first, std::int32_t* last,
                 std::string* wrong) {
  const char* at = text.data();
  const char* end = at + text.size();
  auto result = std::from_chars(at, end, *first);
  bool ok = result.ec == std::errc();
  *last = *first;
  if (ok && result.ptr != end && *result.ptr == '-') {
    result = std::from_chars(result.ptr + 1, end, *last);
    ok = result.ec == std::errc();
  }
  if (!ok || result.ptr != end)
    *wrong = fmt::format("--ranks '{}' is neither a number nor a range like 1-64", text);
  else if (*first < 1 || *last > kMostRanks || *first > *last)
    *wrong = fmt::format("--ranks {} must lie within 1 and {}, the smaller number first", text,
                         kMostRanks);
  return wrong->empty();
}

namespace {

// "8/4,4": from the outermost level in, each with its sizes. False: it is no such list.
bool parse_groups(const std::string& text, algorithms::GroupSizes* levels) {
  if (text.empty()) return true;
  levels->emplace_back();
  const char* const end = text.data() + text.size();
  for (const char* at = text.data();;) {
    std::int32_t size = 0;
    const auto result = std::from_chars(at, end, size);
    if (result.ec != std::errc() || size < 1 || size > kMostRanks) return false;
    levels->back().push_back(size);
    if (result.ptr == end) break;
    if (*result.ptr != ',' && *result.ptr != '/') return false;
    if (*result.ptr == '/') levels->emplace_back();
    at = result.ptr + 1;
  }
  std::reverse(levels->begin(), levels->end());
  return true;
}

}  // namespace

algorithms::Setting setting_of(const Options& options, std::int32_t ranks) {
  algorithms::GroupSizes groups;
  parse_groups(options.groups, &groups);
  return algorithms::evenly(ranks, options.hosts, options.leaders, groups);
}

const char* name_of(algorithms::Collective collective) {
  return collective == algorithms::Collective::kAllReduce ? "allreduce" : "broadcast";
}

bool matches(const Options& options, const algorithms::Algorithm& algorithm) {
  return algorithm.name == options.algorithm &&
         (options.collective.empty() || options.collective == name_of(algorithm.collective));
}

std::string wrong_groups(const Options& options) {
  algorithms::GroupSizes groups;
  if (parse_groups(options.groups, &groups)) return {};
  return fmt::format("--groups '{}' is neither sizes like 4,2 nor levels of them like 8/4",
                     options.groups);
}

std::string wrong_with(const Options& options, std::int32_t ranks) {
  if (options.hosts < 1 || options.hosts > ranks)
    return fmt::format("--hosts {} must lie within 1 and the number of ranks, {}", options.hosts,
                       ranks);
  if (options.rank < -1 || options.rank >= ranks)
    return fmt::format("--rank {} must lie within 0 and {}", options.rank, ranks - 1);
  if (options.root < 0 || options.root >= ranks)
    return fmt::format("--root {} must lie within 0 and {}", options.root, ranks - 1);
  const std::int32_t fewest = ranks / options.hosts;
  if (options.leaders < 1 || options.leaders > fewest)
    return fmt::format("--leaders {} must lie within 1 and {}, the fewest ranks of a host",
                       options.leaders, fewest);
  return wrong_groups(options);
}

std::string not_found(const Options& options, bool known) {
  if (known && options.hosts <= 1)
    return fmt::format("{} runs on one host whose ranks form groups only: --groups 4,4 or the like",
                       options.algorithm);
  if (known)
    return fmt::format("{} runs on one host only, not on {}", options.algorithm, options.hosts);
  return fmt::format("there is no algorithm '{}'; 'hfreduce-sched list' names them",
                     options.algorithm);
}

}  // namespace hfreduce::sched
