// Shapes and sizes: trees, lines, the registry, what an algorithm costs in memory and in steps.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "algorithms/algorithm.h"
#include "algorithms/line.h"
#include "algorithms/proof.h"
#include "algorithms/tree.h"
#include "executor/window_map.h"
#include "planner/planner.h"

namespace hfreduce::algorithms {
namespace {

// Follows parents to the root and checks that parent and child agree.
template <typename Node>
std::int32_t depth_of_whole_tree(std::int32_t size, Node&& node) {
  std::int32_t roots = 0, deepest = 0;
  for (std::int32_t index = 0; index < size; ++index) {
    if (node(index).parent < 0) ++roots;
    for (std::size_t side = 0; side < 2; ++side) {
      const std::int32_t child = node(index).children[side];
      if (child < 0) continue;
      EXPECT_EQ(node(child).parent, index);
      EXPECT_EQ(node(child).side, static_cast<std::int32_t>(side));
    }
    std::int32_t depth = 0;
    for (std::int32_t at = index; node(at).parent >= 0 && depth <= size; ++depth)
      at = node(at).parent;
    deepest = std::max(deepest, depth);
  }
  EXPECT_EQ(roots, 1);
  return deepest;
}

TEST(DoubleTree, EveryRankIsInnerInAtMostOneTree) {
  for (std::int32_t size = 1; size <= 300; ++size) {
    std::int32_t inner_in_none = 0;
    for (std::int32_t index = 0; index < size; ++index) {
      const bool first = double_tree_node(0, index, size).children[0] >= 0;
      const bool second = double_tree_node(1, index, size).children[0] >= 0;
      ASSERT_FALSE(first && second) << index << " of " << size;
      inner_in_none += !first && !second;
    }
    EXPECT_EQ(inner_in_none, size % 2) << size;
  }
}

TEST(DoubleTree, IsATreeOfLogarithmicDepth) {
  for (std::int32_t size = 1; size <= 130; ++size)
    for (const std::int32_t which : {0, 1})
      EXPECT_EQ(depth_of_whole_tree(
                    size, [&](std::int32_t i) { return double_tree_node(which, i, size); }),
                double_tree_depth(size))
          << size;
}

TEST(RootedTree, IsATreeUnderIndexZero) {
  for (std::int32_t size = 1; size <= 130; ++size) {
    const auto node = [&](std::int32_t i) { return rooted_tree_node(i, size); };
    EXPECT_LE(depth_of_whole_tree(size, node), 1 + double_tree_depth(size)) << size;
    EXPECT_EQ(node(0).parent, -1);
  }
}

TEST(Lines, VisitEveryRankOnceAndHostsTogether) {
  const schedule::Placement placement({5, 7, 5, 9, 7, 5, 9, 5});
  for (std::int32_t start = 0; start < placement.ranks(); ++start) {
    const FlatLine line(placement, start);
    std::set<std::int32_t> seen;
    std::int32_t changes_of_host = 0;
    for (std::int32_t index = 0; index < line.size(); ++index) {
      const std::int32_t rank = line.rank_at(index);
      EXPECT_EQ(line.index_of(rank), index);
      seen.insert(rank);
      if (index > 0) changes_of_host += !placement.mapped(rank, line.rank_at(index - 1));
    }
    EXPECT_EQ(line.rank_at(0), start);
    EXPECT_EQ(seen.size(), 8u);
    EXPECT_EQ(changes_of_host, 2);
  }
  const LeaderLine leaders = LeaderLine::from_root(placement, 4, 0, 1);
  EXPECT_EQ(leaders.rank_at(0), 4);
  EXPECT_EQ(leaders.rank_at(1), 3);
  EXPECT_EQ(leaders.rank_at(2), 0);
  EXPECT_EQ(leaders.index_of(6), 1);
  EXPECT_TRUE(leaders.leads(4) && leaders.leads(3) && !leaders.leads(1));
}

TEST(Registry, NamesAreUniqueAndFound) {
  std::set<std::pair<Collective, std::string_view>> names;
  for (const Algorithm& algorithm : all()) {
    EXPECT_TRUE(names.emplace(algorithm.collective, algorithm.name).second);
    EXPECT_EQ(find(algorithm.collective, algorithm.name), &algorithm);
  }
  EXPECT_EQ(names.size(), 22u);
  EXPECT_EQ(find(Collective::kBroadcast, "ring"), nullptr);
  EXPECT_EQ(find(Collective::kAllReduce, "rings"), nullptr);
}

TEST(Registry, ALoneRankHasNothingToDo) {
  const schedule::Placement placement({0});
  for (const Algorithm& algorithm : all()) {
    ASSERT_TRUE(algorithm.applies(placement));
    EXPECT_TRUE(algorithm.emit({&placement}, 0).lanes.empty()) << algorithm.name;
  }
}

// As a communicator lays them out: with all its flags, and with gaps between slots.
TEST(Cost, WindowsOfAllAlgorithmsTogetherAreSmall) {
  constexpr std::uint64_t kMost = 16u << 20;
  const auto fits = [](const Setting& setting) {
    const schedule::Placement& placement = setting.placement;
    planner::Facts facts;
    facts.placement = &placement;
    std::vector<executor::ChannelSpec> channels;
    for (const Algorithm& algorithm : all())
      if (algorithm.applies(placement))
        channels.push_back(
            {algorithm.layout(
                 {&placement, 0, planner::choose_leaders(facts, algorithm.collective)}),
             planner::segment_capacity(algorithm, placement)});
    const auto map = executor::WindowMap::make(channels, kMost);
    EXPECT_TRUE(map.ok()) << setting.name << ": " << map.status().text();
  };
  for (const std::int32_t ranks : {2, 3, 8, 64, 1'000})
    for (const std::int32_t hosts : {1, 2, 3, 4, 8, 64, 500, 1'000})
      if (hosts <= ranks) fits(evenly(ranks, hosts));
  fits(evenly(8, 1, 1, {{4}}));
  fits(evenly(8, 2, 1, {{2}}));
  fits(evenly(64, 1, 1, {{8}, {32}}));
}

// How many chunks ranks read from, or write to, ranks of other groups at a level.
std::int64_t crossings(const Algorithm& algorithm, const Setting& setting, std::int32_t level) {
  std::int64_t chunks = 0;
  for (std::int32_t rank = 0; rank < setting.placement.ranks(); ++rank) {
    const auto schedule = algorithm.emit({&setting.placement, 0, setting.leaders}, rank);
    const auto far = [&](const schedule::Range& range) {
      const auto first = schedule.places.begin() + range.begin;
      return std::count_if(first, first + range.count, [&](const schedule::Place& place) {
        return setting.placement.group_of(level, place.owner) !=
               setting.placement.group_of(level, rank);
      });
    };
    for (const auto& lane : schedule.lanes)
      for (const auto& step : lane.steps)
        if (step.op == schedule::Op::kReduce)
          chunks += step.chunks.count * (far(step.sources) + far(step.destinations));
  }
  return chunks;
}

// What groups are for: a byte crosses once up and once down for each group but one, at every level.
TEST(Groups, ABytesCrossingsDoNotGrowWithTheRanksOfAGroup) {
  for (const std::int32_t each : {1, 2, 8}) {  // of caches, two of which are a package
    const Setting setting = evenly(8 * each, 1, 1, {{each}, {2 * each}});
    const std::int32_t packages = setting.placement.levels() - 1;
    ASSERT_EQ(setting.placement.groups(packages), 4);
    const std::int64_t ranks = setting.placement.ranks();  // as many chunks
    const Algorithm& sum = *find(Collective::kAllReduce, "grouped");
    EXPECT_EQ(crossings(sum, setting, packages), 2 * 3 * ranks);
    EXPECT_EQ(crossings(*find(Collective::kAllReduce, "two-shot"), setting, packages),
              2 * (ranks - 2 * each) * ranks);
    const Algorithm& hand_out = *find(Collective::kBroadcast, "grouped");
    EXPECT_EQ(crossings(hand_out, setting, packages),
              3 * hand_out.layout({&setting.placement}).chunks);
    if (each == 1) continue;  // caches are ranks
    EXPECT_EQ(crossings(sum, setting, 0), 2 * 7 * ranks);
    EXPECT_EQ(crossings(hand_out, setting, 0), 7 * hand_out.layout({&setting.placement}).chunks);
  }
}

TEST(Cost, StepListsDoNotGrowWithTheRanks) {
  for (const Algorithm& algorithm : all()) {
    const Setting few = evenly(64, 8), many = evenly(10'000, 1'250);
    if (!algorithm.applies(few.placement)) continue;
    const auto most_steps = [&](const Setting& setting) {
      std::size_t most = 0;
      for (std::int32_t rank = 0; rank < setting.placement.ranks(); rank += 7) {
        const auto schedule = algorithm.emit({&setting.placement}, rank);
        std::size_t steps = 0;
        for (const auto& lane : schedule.lanes) steps += lane.steps.size();
        most = std::max(most, steps + schedule.peers.size() + schedule.places.size());
      }
      return most;
    };
    // A round more for each bit: its steps, their places and peers.
    const std::size_t rounds = algorithm.name == "recursive-doubling" ? 10 * 7
                               : algorithm.name == "binomial"         ? 10 * 9
                                                                      : 0;
    EXPECT_LE(most_steps(many), most_steps(few) + 16 + rounds) << algorithm.name;
  }
}

}  // namespace
}  // namespace hfreduce::algorithms
