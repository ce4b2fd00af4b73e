#include "algorithms/proof.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>

namespace hfreduce::algorithms {
namespace {

using namespace schedule;

using Labels = Placement::Labels;

template <typename LabelOf>
Labels labels(std::int32_t ranks, LabelOf&& label_of) {
  Labels labels;
  for (std::int32_t rank = 0; rank < ranks; ++rank) labels.push_back(label_of(rank));
  return labels;
}

template <typename HostOf>
Setting dealt(std::string name, std::int32_t ranks, HostOf&& host_of) {
  return {std::move(name), Placement(labels(ranks, host_of)), 1};
}

Labels unequal(std::int32_t ranks) {
  constexpr std::int32_t kSizes[] = {1, 3, 2, 1, 4};
  Labels labels;
  for (std::int32_t part = 0; static_cast<std::int32_t>(labels.size()) < ranks; ++part)
    for (std::int32_t i = 0; i < kSizes[part % 5]; ++i) labels.push_back(part);
  labels.resize(static_cast<std::size_t>(ranks));
  return labels;
}

// Groups inside hosts: equal, unequal and dealt ones, and two levels of them, not all of which are
// there in each host.
void add_groups(std::int32_t ranks, std::vector<Setting>* all) {
  const Labels one(static_cast<std::size_t>(ranks), 0);
  const auto in_turns = [&](std::int32_t groups) {
    return labels(ranks, [=](std::int32_t rank) { return rank % groups; });
  };
  const auto even = [&](std::int32_t parts) {
    return labels(ranks, [=](std::int32_t rank) {
      return static_cast<std::int32_t>(std::int64_t{rank} * parts / ranks);
    });
  };
  const auto add = [&](std::string name, Placement placement, std::int32_t leaders) {
    if (placement.levels() > 0 && leaders <= placement.fewest_local())
      all->push_back({std::move(name), std::move(placement), leaders});
  };
  add("one host, 2 groups", Placement(one, {even(2)}), 1);
  add("one host, groups of 1, 3, 2, 1, 4, ...", Placement(one, {unequal(ranks)}), 2);
  add("one host, 3 groups dealt out, in 2", Placement(one, {even(6), in_turns(3)}), 1);
  add("2 hosts, groups of 1, 3, 2, 1, 4, ...", Placement(even(2), {unequal(ranks)}), 1);
  add("2 hosts, 2 groups dealt out, in 2", Placement(even(2), {even(8), in_turns(2)}), 2);
  add("3 hosts, one with 2 groups",
      Placement(even(3), {labels(ranks, [=](std::int32_t rank) { return 4 * rank < ranks; })}), 2);
}

std::int32_t most_slots(const Layout& layout) {
  std::int32_t slots = 1;
  for (const Area& area : layout.areas) slots = std::max(slots, area.slots);
  return slots;
}

enum class Buffers { kInPlace, kOutOfPlace, kTurns };

Verdict run(const Algorithm& algorithm, const Setting& setting,
            const std::vector<std::int32_t>& lengths, Buffers buffers) {
  const std::int32_t ranks = setting.placement.ranks();
  Request request{&setting.placement, 0, setting.leaders};
  Subject subject;
  subject.placement = &setting.placement;
  subject.reduces = algorithm.collective == Collective::kAllReduce;
  // Races cost memory with the square of ranks and chunks.
  if (algorithm.layout(request).chunks <= 32) subject.most_ranks_for_races = 256;
  subject.schedule = [&](std::int32_t rank, std::int32_t root) {
    request.root = root;
    return algorithm.emit(request, rank);
  };
  std::vector<Call> calls;
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    // Roots: the first rank, the last, and others in between, the same one twice.
    const auto turn = static_cast<std::int32_t>(i);
    const std::int32_t root = turn == 1 ? ranks - 1 : (turn / 2) * (ranks / 3 + 1) % ranks;
    const bool in_place =
        buffers == Buffers::kInPlace || (buffers == Buffers::kTurns && i % 2 == 0);
    calls.push_back({lengths[i], root, in_place});
  }
  return verify(subject, calls);
}

}  // namespace

Setting evenly(std::int32_t ranks, std::int32_t hosts, std::int32_t leaders) {
  Setting setting = dealt("", ranks, [&](std::int32_t rank) {
    return static_cast<std::int32_t>(std::int64_t{rank} * hosts / ranks);
  });
  setting.leaders = leaders;
  setting.name = hosts == 1       ? "one host"
                 : hosts == ranks ? "one rank a host"
                                  : std::to_string(hosts) + " hosts";
  if (leaders > 1) setting.name += ", " + std::to_string(leaders) + " leaders";
  return setting;
}

Result<GroupSizes> parse_groups(const std::string& text) {
  constexpr std::int32_t kMost = 1 << 20;
  GroupSizes levels(1);
  const char* const end = text.data() + text.size();
  for (const char* at = text.data();; ++at) {
    std::int32_t size = 0;
    const auto result = std::from_chars(at, end, size);
    const bool ends = result.ptr == end;
    if (result.ec != std::errc() || size < 1 || size > kMost ||
        (!ends && *result.ptr != ',' && *result.ptr != '/'))
      return Status(Code::kInvalidArgument,
                    fmt::format("groups '{}' are neither sizes like 4,2 nor levels of them like "
                                "8/4,2",
                                text));
    levels.back().push_back(size);
    if (ends) break;
    if (*result.ptr == '/') levels.emplace_back();
    at = result.ptr;
  }
  std::reverse(levels.begin(), levels.end());
  return levels;
}

Setting evenly(std::int32_t ranks, std::int32_t hosts, std::int32_t leaders,
               const GroupSizes& groups) {
  Setting setting = evenly(ranks, hosts, leaders);
  std::vector<Labels> levels;
  for (const auto& sizes : groups) {
    Labels& level = levels.emplace_back(static_cast<std::size_t>(ranks));
    for (std::int32_t host = 0; host < hosts; ++host) {
      std::size_t group = 0;
      std::int32_t room = sizes[0];
      for (const std::int32_t rank : setting.placement.members(host)) {
        if (room-- == 0) room = sizes[++group % sizes.size()] - 1;
        level[static_cast<std::size_t>(rank)] = static_cast<std::int32_t>(group);
      }
    }
  }
  setting.placement = Placement(
      labels(ranks, [&](std::int32_t rank) { return setting.placement.host_of(rank); }), levels);
  for (std::int32_t level = setting.placement.levels() - 1; level >= 0; --level)
    setting.name += fmt::format(", {} groups", setting.placement.groups(level));
  return setting;
}

std::vector<Setting> settings(std::int32_t ranks) {
  std::vector<Setting> all;
  all.push_back(evenly(ranks, 1));
  if (ranks >= 2) all.push_back(evenly(ranks, ranks));
  if (ranks >= 3) {
    all.push_back(evenly(ranks, (ranks + 2) / 3));
    all.push_back({"1, 3, 2, 1, 4, ... ranks a host", Placement(unequal(ranks)), 1});
    all.push_back(dealt("dealt round the hosts", ranks,
                        [&](std::int32_t rank) { return rank % ((ranks + 1) / 2); }));
  }
  if (ranks >= 2) all.push_back(evenly(ranks, 1, 2));
  if (ranks >= 4) all.push_back(evenly(ranks, ranks / 2, 2));
  if (ranks >= 6) all.push_back(evenly(ranks, ranks / 3, 2));
  add_groups(ranks, &all);
  return all;
}

bool concerns(const Setting& setting, const Algorithm& algorithm) {
  const bool uses_leaders = algorithm.name.starts_with("hierarchical");
  const bool uses_groups = uses_leaders || algorithm.name == "grouped";
  return algorithm.applies(setting.placement) &&
         (setting.placement.levels() > 0 ? uses_groups : setting.leaders == 1 || uses_leaders);
}

Verdict prove(const Algorithm& algorithm, const Setting& setting) {
  const Layout layout = algorithm.layout({&setting.placement, 0, setting.leaders});
  const std::int32_t slots = most_slots(layout);
  std::vector<std::int32_t> lengths{1, 4, 1, slots, slots + 1, 9, 2};
  // With many chunks a segment is a long pipeline by itself.
  if (layout.chunks > 48) return run(algorithm, setting, {1, 2, 3, 1}, Buffers::kTurns);
  Verdict verdict = run(algorithm, setting, lengths, Buffers::kInPlace);
  if (!verdict.ok()) return verdict;
  Verdict other = run(algorithm, setting, lengths, Buffers::kOutOfPlace);
  other.steps += verdict.steps;
  return other;
}

Verdict prove_briefly(const Algorithm& algorithm, const Setting& setting) {
  return run(algorithm, setting, {1, 2, 1}, Buffers::kTurns);
}

}  // namespace hfreduce::algorithms
