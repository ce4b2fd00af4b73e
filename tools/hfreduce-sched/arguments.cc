// What the commands have in common: ranks, names, and what is wrong with them.
#include <fmt/format.h>

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

algorithms::Setting setting_of(const Options& options, std::int32_t ranks) {
  algorithms::GroupSizes groups;
  if (!options.groups.empty()) groups = *algorithms::parse_groups(options.groups);
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
  return options.groups.empty() ? std::string()
                                : algorithms::parse_groups(options.groups).status().text();
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
  if (known && options.algorithm == "alternating")
    return fmt::format("{} is for two ranks of one host", options.algorithm);
  if (known && options.hosts <= 1)
    return fmt::format("{} runs on one host whose ranks form groups only: --groups 4,4 or the like",
                       options.algorithm);
  if (known)
    return fmt::format("{} runs on one host only, not on {}", options.algorithm, options.hosts);
  return fmt::format("there is no algorithm '{}'; 'hfreduce-sched list' names them",
                     options.algorithm);
}

}  // namespace hfreduce::sched
