#include "algorithms/proof.h"

#include <algorithm>

namespace hfreduce::algorithms {
namespace {

using namespace schedule;

template <typename HostOf>
Setting dealt(std::string name, std::int32_t ranks, HostOf&& host_of) {
  std::vector<std::int32_t> hosts;
  for (std::int32_t rank = 0; rank < ranks; ++rank) hosts.push_back(host_of(rank));
  return {std::move(name), Placement(hosts), 1};
}

Setting unequal(std::int32_t ranks) {
  constexpr std::int32_t kSizes[] = {1, 3, 2, 1, 4};
  std::vector<std::int32_t> hosts;
  for (std::int32_t host = 0; static_cast<std::int32_t>(hosts.size()) < ranks; ++host)
    for (std::int32_t i = 0; i < kSizes[host % 5]; ++i) hosts.push_back(host);
  hosts.resize(static_cast<std::size_t>(ranks));
  return {"1, 3, 2, 1, 4, ... ranks a host", Placement(hosts), 1};
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

std::vector<Setting> settings(std::int32_t ranks) {
  std::vector<Setting> all;
  all.push_back(evenly(ranks, 1));
  if (ranks >= 2) all.push_back(evenly(ranks, ranks));
  if (ranks >= 3) {
    all.push_back(evenly(ranks, (ranks + 2) / 3));
    all.push_back(unequal(ranks));
    all.push_back(dealt("dealt round the hosts", ranks,
                        [&](std::int32_t rank) { return rank % ((ranks + 1) / 2); }));
  }
  if (ranks >= 2) all.push_back(evenly(ranks, 1, 2));
  if (ranks >= 4) all.push_back(evenly(ranks, ranks / 2, 2));
  if (ranks >= 6) all.push_back(evenly(ranks, ranks / 3, 2));
  return all;
}

bool concerns(const Setting& setting, const Algorithm& algorithm) {
  const bool uses_leaders = algorithm.name.starts_with("hierarchical");
  return algorithm.applies(setting.placement) && (setting.leaders == 1 || uses_leaders);
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
