// Who is near whom: from what the system says of caches and packages, to groups that all agree on.
#include "comm/groups.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "topology/near_cores.h"

namespace hfreduce::comm {
namespace {

using schedule::Placement;
using testing::HasSubstr;
using topology::shared_by;

// A machine made up in a temporary folder.
class System {
 public:
  System() {
    std::string name = (std::filesystem::temp_directory_path() / "hfr-near-XXXXXX").string();
    root_ = mkdtemp(name.data());
  }
  ~System() { std::filesystem::remove_all(root_); }
  System(const System&) = delete;
  System& operator=(const System&) = delete;

  void write(int cpu, const std::string& file, const std::string& text) const {
    const auto path = root_ / "sys/devices/system/cpu" / ("cpu" + std::to_string(cpu)) / file;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text << "\n";
  }
  void cpu(int cpu, const std::string& cache, const std::string& package) const {
    write(cpu, "cache/index3/level", "3");
    write(cpu, "cache/index3/shared_cpu_list", cache);
    write(cpu, "topology/physical_package_id", package);
  }
  std::string path() const { return root_; }

 private:
  std::filesystem::path root_;
};

// Two packages of two caches of two threads.
void make_two_packages(const System& system) {
  for (int cpu = 0; cpu < 8; ++cpu) {
    const int first = cpu / 2 * 2;
    system.cpu(cpu, std::to_string(first) + "-" + std::to_string(first + 1),
               std::to_string(cpu / 4));
  }
}

TEST(NearCores, ShareACacheAPackageOrNothing) {
  const System system;
  make_two_packages(system);
  EXPECT_EQ(shared_by({2, 3}, system.path()).cache, 2);
  EXPECT_EQ(shared_by({3}, system.path()).cache, 2) << "named by the cache's first thread";
  EXPECT_EQ(shared_by({5}, system.path()).package, 1);
  EXPECT_EQ(shared_by({4, 5, 6}, system.path()).cache, std::nullopt);
  EXPECT_EQ(shared_by({4, 5, 6}, system.path()).package, 1);
  EXPECT_EQ(shared_by({3, 4}, system.path()).package, std::nullopt);
  EXPECT_EQ(shared_by({}, system.path()).package, std::nullopt);
}

TEST(NearCores, AreUnknownWhereTheSystemDoesNotTellOrTellsNonsense) {
  const System system;
  EXPECT_EQ(shared_by({0}, system.path()).cache, std::nullopt) << "no such folder";
  EXPECT_EQ(shared_by({0}, system.path()).package, std::nullopt);
  for (const char* list : {"", "0-", "0,", "1-0", "zero", "0-99999999999", "0\t1", "4-7", "-1"}) {
    system.cpu(0, list, "0");
    EXPECT_EQ(shared_by({0}, system.path()).cache, std::nullopt) << list;
  }
  for (const char* number : {"", "-1", "x", "0x1", "1 ", "99999999999999999999"}) {
    system.cpu(0, "0-3", number);
    EXPECT_EQ(shared_by({0}, system.path()).package, std::nullopt) << number;
    EXPECT_EQ(shared_by({0}, system.path()).cache, 0) << "which the package does not matter to";
  }
  system.cpu(0, "0-3", "0");
  system.write(0, "cache/index3/level", "2");
  EXPECT_EQ(shared_by({0}, system.path()).cache, std::nullopt) << "another level";
  system.cpu(0, "0-1", "0");
  EXPECT_EQ(shared_by({0, 1}, system.path()).package, std::nullopt) << "thread 1 has no file";
}

TEST(NearLabels, AreOfTheSystemOrAsTheUserSays) {
  const System system;
  make_two_packages(system);
  const auto labels = [&](const topology::Cpus& cpus, const char* wanted = "") {
    return near_labels(cpus, wanted, system.path());
  };
  EXPECT_EQ(labels({2}), labels({2, 3}));
  EXPECT_NE(labels({2}).inner, labels({4}).inner);
  EXPECT_NE(labels({2}).outer, labels({4}).outer);
  EXPECT_EQ(labels({0, 2}).inner, "");
  EXPECT_EQ(labels({0, 2}).outer, labels({1}).outer);
  EXPECT_EQ(labels({0, 4}), NearLabels());
  EXPECT_EQ(labels({0}, "a b\n/%"), labels({4}, "a b\n/%")) << "whatever the system says";
  EXPECT_EQ(labels({0}, "left").inner, "");
  EXPECT_EQ(labels({0}, "left/1").outer, labels({0}, "left").outer);
  EXPECT_NE(labels({0}, "left/1").inner, labels({0}, "right/1").inner);
  for (const char c : labels({0}, "any text: \n | =").outer) EXPECT_TRUE(std::isalnum(c));
}

std::vector<NearLabels> packages(const std::string& outer) {
  std::vector<NearLabels> labels;
  for (const char c : outer) labels.push_back({c == '?' ? "" : std::string(1, c), ""});
  return labels;
}

Placement placed(const std::vector<std::int32_t>& hosts, const std::vector<NearLabels>& labels) {
  return Placement(hosts, group_levels(hosts, labels));
}

std::vector<std::int32_t> one_host(std::size_t ranks) {
  return std::vector<std::int32_t>(ranks, 0);
}

TEST(Groups, AreThoseThatAllRanksOfAHostHaveTold) {
  EXPECT_EQ(placed(one_host(4), packages("0011")).levels(), 1);
  EXPECT_EQ(placed(one_host(4), packages("0101")).group(0, 1), (std::vector<std::int32_t>{1, 3}));
  EXPECT_EQ(placed(one_host(4), packages("001?")).levels(), 0) << "it may be anywhere";
  EXPECT_EQ(placed(one_host(4), packages("0000")).levels(), 0);
  EXPECT_EQ(placed(one_host(4), packages("0123")).levels(), 0) << "one rank each";
  EXPECT_EQ(placed(one_host(4), packages("0001")).levels(), 0) << "only one of several ranks";
  EXPECT_EQ(placed(one_host(5), packages("00112")).groups(0), 3);
  const Placement hosts = placed({0, 0, 0, 0, 1, 1, 1, 1}, packages("0011001?"));
  EXPECT_EQ(hosts.groups(0), 3) << "each host for itself";
  EXPECT_EQ(hosts.group_of(0, 4), hosts.group_of(0, 7));
}

TEST(Groups, AreNestedAsFarAsIsKnown) {
  std::vector<NearLabels> labels;
  for (int rank = 0; rank < 8; ++rank)
    labels.push_back({rank < 4 ? "p0" : "p1", "c" + std::to_string(rank / 2)});
  const Placement both = placed(one_host(8), labels);
  ASSERT_EQ(both.levels(), 2);
  EXPECT_EQ(both.groups(0), 4);
  EXPECT_EQ(both.groups(1), 2);
  labels[7].inner.clear();
  const Placement half = placed(one_host(8), labels);
  EXPECT_EQ(half.groups(0), 3) << "the second package stays whole";
  for (NearLabels& label : labels) label.outer.clear();
  labels[7].inner = "c3";
  const Placement caches = placed(one_host(8), labels);
  EXPECT_EQ(caches.levels(), 1) << "packages are not known";
  EXPECT_EQ(caches.groups(0), 4);
}

TEST(Groups, SayHowTheyAreOrWhyThereAreNone) {
  const auto sentence = [](const std::vector<NearLabels>& labels) {
    return explain_groups(placed(one_host(labels.size()), labels), labels);
  };
  EXPECT_THAT(sentence(packages("0011")), HasSubstr("0-1 | 2-3"));
  EXPECT_THAT(sentence(packages("001?")), HasSubstr("1 of 4 may run in several"));
  EXPECT_THAT(sentence(packages("0000")), HasSubstr("no host has two of them"));
  EXPECT_EQ(sentence(packages("01")), "") << "two ranks are no question";
}

}  // namespace
}  // namespace hfreduce::comm
