#include "comm/groups.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "topology/near_cores.h"

namespace hfreduce::comm {
namespace {

using Labels = schedule::Placement::Labels;

// A label of any text, as one short word.
std::string word_for(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325ull;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  return fmt::format("g{:x}", hash);
}

std::string numbered(char kind, std::optional<std::int32_t> number) {
  return number ? fmt::format("{}{}", kind, *number) : std::string();
}

// Parts each group of `whole` by the words of its ranks, where that is worth it.
Labels parted(const Labels& whole, const std::vector<NearLabels>& labels,
              std::string NearLabels::*word) {
  struct Group {
    std::map<std::string, std::int32_t> ranks;  // of each word
    bool known = true;
  };
  std::map<std::int32_t, Group> groups;
  for (std::size_t rank = 0; rank < whole.size(); ++rank) {
    Group& group = groups[whole[rank]];
    ++group.ranks[labels[rank].*word];
    group.known &= !(labels[rank].*word).empty();
  }
  std::map<std::pair<std::int32_t, std::string>, std::int32_t> numbers;
  Labels parts;
  for (std::size_t rank = 0; rank < whole.size(); ++rank) {
    const Group& group = groups[whole[rank]];
    const auto several = std::count_if(group.ranks.begin(), group.ranks.end(),
                                       [](const auto& it) { return it.second > 1; });
    const bool part = group.known && several > 1;
    parts.push_back(numbers
                        .try_emplace({whole[rank], part ? labels[rank].*word : std::string()},
                                     static_cast<std::int32_t>(numbers.size()))
                        .first->second);
  }
  return parts;
}

std::string list_of(const std::vector<std::int32_t>& ranks) {
  std::vector<std::int32_t> sorted = ranks;
  std::sort(sorted.begin(), sorted.end());
  return topology::to_text(sorted);
}

}  // namespace

NearLabels near_labels(const topology::Cpus& cpus, std::string_view wanted,
                       const std::string& system) {
  if (wanted.empty()) {
    const topology::Shared shared = topology::shared_by(cpus, system);
    return {numbered('p', shared.package), numbered('c', shared.cache)};
  }
  const std::size_t slash = wanted.find('/');
  if (slash == std::string_view::npos) return {word_for(wanted), ""};
  return {word_for(wanted.substr(0, slash)), word_for(wanted)};
}

std::vector<Labels> group_levels(const Labels& host_of, const std::vector<NearLabels>& labels) {
  const Labels outer = parted(host_of, labels, &NearLabels::outer);
  return {parted(outer, labels, &NearLabels::inner), outer};
}

std::string explain_groups(const schedule::Placement& placement,
                           const std::vector<NearLabels>& labels) {
  if (placement.most_local() < 4) return "";  // two groups of two
  if (placement.levels() == 0) {
    const auto lost = std::count_if(labels.begin(), labels.end(), [](const NearLabels& label) {
      return label.outer.empty() && label.inner.empty();
    });
    if (lost > 0)
      return fmt::format(
          " Ranks of a host are not grouped by cache or package: {} of {} may run in several, or "
          "their system does not tell (bind each rank to cores of one, or set HFREDUCE_GROUP).",
          lost, labels.size());
    return " Ranks of a host are not grouped by cache or package: no host has two of them with "
           "more "
           "than one rank in each.";
  }
  constexpr std::int32_t kMostNamed = 8;
  std::string text = " Ranks of a host are in groups by cache or package (or HFREDUCE_GROUP): ";
  for (std::int32_t level = 0; level < placement.levels(); ++level) {
    if (level > 0) text += "; in ";
    const std::int32_t groups = placement.groups(level);
    for (std::int32_t group = 0; group < std::min(groups, kMostNamed); ++group)
      text += fmt::format("{}{}", group > 0 ? " | " : "", list_of(placement.group(level, group)));
    if (groups > kMostNamed) text += fmt::format(" and {} more", groups - kMostNamed);
  }
  return text + ".";
}

}  // namespace hfreduce::comm
