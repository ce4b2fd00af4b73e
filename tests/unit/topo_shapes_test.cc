#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "plan.h"

namespace hfreduce::topo {
namespace {

std::vector<std::string> texts(const Edges& edges) {
  std::vector<std::string> all;
  for (const Shape& shape : shapes_of(edges)) all.push_back(to_text(shape));
  return all;
}

using testing::ElementsAre;

TEST(Shapes, EachIsRecognised) {
  EXPECT_THAT(texts({}), ElementsAre());
  EXPECT_THAT(texts({{0, 2}, {2, 1}, {1, 0}}), ElementsAre("ring 0 > 2 > 1 > 0"));
  EXPECT_THAT(texts({{3, 1}, {1, 2}}), ElementsAre("chain 3 > 1 > 2"));
  EXPECT_THAT(texts({{0, 1}, {1, 0}}), ElementsAre("both ways 0 <> 1"));
  EXPECT_THAT(texts({{0, 3}, {5, 3}, {1, 0}, {2, 0}}), ElementsAre("tree to 3: 3(0(1 2) 5)"));
  EXPECT_THAT(texts({{3, 0}, {3, 5}, {0, 1}, {0, 2}}), ElementsAre("tree from 3: 3(0(1 2) 5)"));
  EXPECT_THAT(texts({{0, 1}, {1, 0}, {0, 2}, {2, 0}, {1, 2}, {2, 1}}),
              ElementsAre("each of 0-2 with every other"));
  EXPECT_THAT(texts({{0, 1}, {1, 0}, {0, 2}, {1, 2}}), ElementsAre("each of 0-1 to each of 0-2"))
      << "but nobody to itself";
  EXPECT_THAT(texts({{0, 1}, {1, 2}, {0, 2}, {2, 3}, {3, 0}}), ElementsAre("5 ways between 0-3"));
}

TEST(Shapes, PartsThatDoNotHangTogetherAreApart) {
  EXPECT_THAT(texts({{4, 5}, {5, 6}, {0, 2}, {2, 0}}),
              ElementsAre("both ways 0 <> 2", "chain 4 > 5 > 6"));
  // Two rings are as many edges as ranks, yet not one ring.
  EXPECT_THAT(texts({{0, 1}, {1, 2}, {2, 0}, {3, 4}, {4, 5}, {5, 3}}),
              ElementsAre("ring 0 > 1 > 2 > 0", "ring 3 > 4 > 5 > 3"));
}

const PlannedCall& allreduce(const Plan& plan) { return plan.calls.at(0); }

TEST(Plan, RingsAreTheSchedules) {
  Settings settings;
  settings.algorithm = "ring";
  const auto plan = make_plan(4, 4, 64 << 20, settings);
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(allreduce(*plan).algorithm, "ring");
  ASSERT_EQ(allreduce(*plan).routes.size(), 2u);
  for (const Route& route : allreduce(*plan).routes)
    EXPECT_THAT(texts(route.edges), ElementsAre("ring 0 > 1 > 2 > 3 > 0")) << route.lane;
}

TEST(Plan, ADoubleTreeHasTwoTreesEachUpAndDown) {
  Settings settings;
  settings.algorithm = "double-tree";
  const auto plan = make_plan(5, 5, 1024, settings);
  ASSERT_TRUE(plan.ok());
  ASSERT_EQ(allreduce(*plan).routes.size(), 4u);
  for (const Route& route : allreduce(*plan).routes) {
    EXPECT_EQ(route.edges.size(), 4u);
    EXPECT_EQ(shapes_of(route.edges).size(), 1u);
    const Form form = shapes_of(route.edges).front().form;
    EXPECT_TRUE(form == Form::kChain ||
                form == (route.lane.ends_with("up") ? Form::kTreeToRoot : Form::kTreeFromRoot))
        << route.lane;
  }
}

TEST(Plan, BytesAndHostsDecide) {
  const Settings settings;
  EXPECT_EQ(allreduce(*make_plan(4, 1, 8, settings)).algorithm, "one-shot");
  EXPECT_EQ(allreduce(*make_plan(4, 1, 1 << 20, settings)).algorithm, "two-shot");
  const auto two = make_plan(8, 2, 1 << 20, settings);
  EXPECT_EQ(allreduce(*two).algorithm, "hierarchical-tree");
  EXPECT_THAT(two->members, ElementsAre(ElementsAre(0, 1, 2, 3), ElementsAre(4, 5, 6, 7)));
}

TEST(Plan, FollowsGroups) {
  const schedule::Placement placement({0, 0, 0, 0, 0, 0}, {{0, 0, 0, 1, 1, 1}});
  const auto plan = make_plan(placement, 1 << 20, Settings{});
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(allreduce(*plan).algorithm, "grouped");
  EXPECT_THAT(plan->groups, ElementsAre(ElementsAre(0, 1, 2), ElementsAre(3, 4, 5)));
  const auto between = std::find_if(allreduce(*plan).routes.begin(), allreduce(*plan).routes.end(),
                                    [](const Route& route) { return route.lane == "sum 1"; });
  ASSERT_NE(between, allreduce(*plan).routes.end());
  EXPECT_THAT(texts(between->edges),
              ElementsAre("both ways 0 <> 3", "both ways 1 <> 4", "both ways 2 <> 5"));
}

TEST(Plan, ALoneRankMovesNothing) {
  const auto plan = make_plan(1, 1, 1024, Settings{});
  ASSERT_TRUE(plan.ok());
  for (const PlannedCall& call : plan->calls) EXPECT_TRUE(call.routes.empty());
}

}  // namespace
}  // namespace hfreduce::topo
