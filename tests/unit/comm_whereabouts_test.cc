// How many cores are left to help a rank.
#include "comm/whereabouts.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace hfreduce::comm {
namespace {

Whereabouts on(const std::string& cores, double quota = 0, const std::string& process = "") {
  return {process, cores, "", quota};
}

std::vector<Whereabouts> ranks(int count, const Whereabouts& each) {
  return std::vector<Whereabouts>(static_cast<std::size_t>(count), each);
}

TEST(Whereabouts, TravelAsText) {
  const Whereabouts here = on("f03", 1.5, "1a.7");
  EXPECT_EQ(Whereabouts::unpack(here.pack()), here);
  Whereabouts near = here;
  near.near = {"p0", "c4"};
  EXPECT_EQ(Whereabouts::unpack(near.pack()), near);
  near.near = {"", "c4"};
  EXPECT_EQ(Whereabouts::unpack(near.pack()), near);
  near.machine = "boot-1";
  EXPECT_EQ(Whereabouts::unpack(near.pack()), near);
  Settings settings;
  EXPECT_FALSE(Whereabouts::read(settings).machine.empty());
  settings.deterministic = 1;
  EXPECT_EQ(Whereabouts::read(settings).near, NearLabels());
  EXPECT_EQ(Whereabouts::read(settings).machine, "");
  settings.group = "mine";
  EXPECT_EQ(Whereabouts::read(settings).near, near_labels({}, "mine"));
  const Whereabouts unknown = on("");
  EXPECT_EQ(Whereabouts::unpack(unknown.pack()), unknown);
  EXPECT_EQ(Whereabouts::unpack("x f nonsense").quota, 0);
  EXPECT_EQ(Whereabouts::unpack("x f -3").quota, 0);
  EXPECT_EQ(Whereabouts::unpack("x f inf").quota, 0);
  EXPECT_EQ(Whereabouts::unpack(""), Whereabouts());
  EXPECT_FALSE(Whereabouts::read({}).process.empty());
}

TEST(Crowds, AreOfRanksThatOutnumberTheCoresOfTheirMachine) {
  const auto at = [](const std::string& machine, const std::string& cores) {
    return Whereabouts{"", cores, machine};
  };
  EXPECT_TRUE(outnumber_cores(ranks(3, on("3"))));
  EXPECT_FALSE(outnumber_cores(ranks(2, on("3"))));
  EXPECT_FALSE(outnumber_cores(ranks(3, on("")))) << "not known";
  EXPECT_FALSE(outnumber_cores(std::vector{on("3"), on("c"), on("3")})) << "four cores together";
  EXPECT_TRUE(crowd_a_machine(std::vector{at("a", "3"), at("a", "3"), at("a", "3")}));
  EXPECT_FALSE(crowd_a_machine(std::vector{at("a", "3"), at("b", "3"), at("a", "3")}));
  EXPECT_TRUE(crowd_a_machine(std::vector{at("a", "3"), at("b", "1"), at("b", "1")}));
  EXPECT_FALSE(crowd_a_machine(ranks(3, on("3")))) << "of which machine is not known";
}

TEST(SpareCores, AreSharedEvenlyByThoseWhoMayUseThem) {
  const Whereabouts sixteen = on("ffff");
  EXPECT_EQ(spare_cores(sixteen, ranks(1, sixteen)), 15);
  EXPECT_EQ(spare_cores(sixteen, ranks(2, sixteen)), 7);
  EXPECT_EQ(spare_cores(sixteen, ranks(3, sixteen)), 4) << "5.3 each";
  EXPECT_EQ(spare_cores(sixteen, ranks(8, sixteen)), 1);
  EXPECT_EQ(spare_cores(sixteen, ranks(16, sixteen)), 0);
  EXPECT_EQ(spare_cores(sixteen, ranks(64, sixteen)), 0);
}

TEST(SpareCores, OfBoundRanksAreTheirOwn) {
  const std::vector<Whereabouts> host{on("f"), on("0f"), on("001")};
  EXPECT_EQ(spare_cores(host[0], host), 3);
  EXPECT_EQ(spare_cores(host[1], host), 3);
  EXPECT_EQ(spare_cores(host[2], host), 0) << "bound to one core";
  const std::vector<Whereabouts> overlapping{on("ff"), on("0f")};
  EXPECT_EQ(spare_cores(overlapping[0], overlapping), 5) << "four and half of four";
  EXPECT_EQ(spare_cores(overlapping[1], overlapping), 1);
}

TEST(SpareCores, CostTimeThatControlGroupsAllow) {
  const Whereabouts half = on("ffff", 6);
  EXPECT_EQ(spare_cores(half, ranks(1, half)), 5);
  EXPECT_EQ(spare_cores(half, ranks(2, half)), 2);
  const Whereabouts little = on("ffff", 0.5);
  EXPECT_EQ(spare_cores(little, ranks(1, little)), 0);
}

TEST(SpareCores, AreNoneWhereNothingIsKnown) {
  EXPECT_EQ(spare_cores(on(""), ranks(1, on(""))), 0);
  EXPECT_EQ(spare_cores(on("?!xyz"), ranks(1, on("?!xyz"))), 0);
}

TEST(ChooseWorkers, TakesWhatIsAskedForOfEachRankOfTheProcess) {
  const std::vector<Whereabouts> host{on("f", 0, "a"), on("f", 0, "a"), on("f", 0, "b")};
  EXPECT_EQ(choose_workers(3, host[0], host), 6);
  EXPECT_EQ(choose_workers(3, host[2], host), 3);
  EXPECT_EQ(choose_workers(0, host[0], host), 0);
  EXPECT_EQ(choose_workers(60, host[0], host), 64) << "so many at most";
}

TEST(ChooseWorkers, RemembersTheFewestSpareCores) {
  const std::vector<Whereabouts> crowded = ranks(4, on("f", 0, "c"));
  EXPECT_EQ(choose_workers(-1, crowded[0], crowded), 0);
  const std::vector<Whereabouts> part = ranks(1, on("f", 0, "c"));
  EXPECT_EQ(choose_workers(-1, part[0], part), 0) << "the other three are still there";
}

}  // namespace
}  // namespace hfreduce::comm
