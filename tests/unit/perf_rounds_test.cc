#include <gtest/gtest.h>

#include "noise.h"
#include "peer_lines.h"
#include "rounds.h"
#include "statistics.h"

namespace hfreduce::perf {
namespace {

Bracket steady(double hand_over, double copy = 20) {
  return {{hand_over, copy}, {hand_over * 1.02, copy * 0.99}};
}

using Flags = std::vector<bool>;

TEST(Groups, AreParted) {
  EXPECT_EQ(groups_of({}, 1.4), std::vector<int>{});
  EXPECT_EQ(groups_of({1, 1.3, 1.6, 1.2}, 1.4), (std::vector<int>{0, 0, 0, 0}));
  EXPECT_EQ(groups_of({0.3, 0.1, 0.11, 0.29, 2}, 1.4), (std::vector<int>{1, 0, 0, 1, 2}));
  EXPECT_EQ(groups_of({0, 0}, 1.4), (std::vector<int>{0, 0})) << "not known is alike";
}

TEST(Rounds, OnASteadyMachineAllCount) {
  const Kept kept = same_label({steady(0.1), steady(0.11), steady(0.1), steady(0.12)});
  EXPECT_EQ(kept.rounds, Flags(4, true));
  EXPECT_EQ(kept.labels, 1);
  EXPECT_EQ(kept.changed, 0);
  EXPECT_FALSE(kept.noisy());
}

TEST(Rounds, WithoutMarksAllCount) {
  const Kept kept = same_label({{}, {}, {}});
  EXPECT_EQ(kept.rounds, Flags(3, true));
  EXPECT_FALSE(kept.noisy());
}

TEST(Rounds, OnlyThoseOnTheSameMachineCount) {
  const Kept kept = same_label({steady(0.1),
                                {{0.1, 20}, {0.2, 20}},
                                steady(0.2),
                                steady(0.1),
                                steady(0.1),
                                steady(0.1, 40)});
  EXPECT_EQ(kept.rounds, (Flags{true, false, false, true, true, false}));
  EXPECT_EQ(kept.labels, 3);
  EXPECT_EQ(kept.changed, 1);
  EXPECT_TRUE(kept.noisy());
}

TEST(Rounds, TheFasterMachineOfTwoEqual) {
  const Kept kept = same_label({steady(0.3), steady(0.1), steady(0.3), steady(0.1)});
  EXPECT_EQ(kept.rounds, (Flags{false, true, false, true}));
  EXPECT_TRUE(kept.noisy());
}

TEST(Rounds, NothingButChangeIsNoisy) {
  const Bracket change{{0.1, 20}, {0.4, 20}};
  const Kept kept = same_label({change, change});
  EXPECT_EQ(kept.rounds, Flags(2, true)) << "all that there is";
  EXPECT_EQ(kept.changed, 2);
  EXPECT_TRUE(kept.noisy());
}

TEST(RoundStatistics, RoundsThatDifferWidenTheInterval) {
  const std::vector<double> a(100, 10), b(100, 11);
  const Spread same = spread_of_rounds({a, a, a, a});
  EXPECT_EQ(same.low, 10);
  EXPECT_EQ(same.high, 10);
  EXPECT_EQ(looseness(same), 0);
  const Spread differ = spread_of_rounds({a, b, a, b});
  EXPECT_LT(differ.low, 10);
  EXPECT_GT(differ.high, 11);
  std::vector<std::vector<double>> many;
  for (int i = 0; i < 40; ++i) many.push_back(i % 3 == 0 ? b : a);
  EXPECT_LT(looseness(spread_of_rounds(many)), 0.03) << "many rounds tell";
  EXPECT_EQ(looseness(spread_of_rounds(std::vector<std::vector<double>>{})), 1);
}

TEST(Noise, IsSaid) {
  Line line;
  line.time = {100, 110, 90, 99, 101};
  line.rounds = line.rounds_kept = 4;
  EXPECT_EQ(noise_summary({line, line}, 3), "");
  line.rounds_kept = 3;
  EXPECT_NE(noise_summary({line, line}, 3).find("2 of 8 rounds are left out"), std::string::npos);
  line.noisy = true;
  EXPECT_NE(noise_summary({line, Line()}, 3).find("NOISY: in 1 of 2 cases"), std::string::npos);
  line.time.high = 120;
  EXPECT_NE(noise_summary({line}, 3).find("in 1 of 1 cases the median is not known to 3 %"),
            std::string::npos);
  EXPECT_EQ(noise_summary({line}, 0).find("not known"), std::string::npos);
}

}  // namespace
}  // namespace hfreduce::perf
