#include "topology/cpu_lists.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

namespace hfreduce::topology {
namespace {

TEST(CpuLists, AreReadAsTheKernelWritesThem) {
  EXPECT_EQ(parse_cpu_list("0"), Cpus({0}));
  EXPECT_EQ(parse_cpu_list("0-3,8"), Cpus({0, 1, 2, 3, 8}));
  EXPECT_EQ(parse_cpu_list("1,3-4,10-11"), Cpus({1, 3, 4, 10, 11}));
  EXPECT_EQ(parse_cpu_list(""), Cpus()) << "a node without cores";
  for (const char* text :
       {"x", "3-", "-3", "4-2", "1,", "1,,2", "2,1", "0-3,2", "1;2", "0-99999999999", "99999999"})
    EXPECT_EQ(parse_cpu_list(text), std::nullopt) << text;
}

TEST(CpuLists, MeetWhereBothAre) {
  EXPECT_EQ(in_both({0, 1, 5}, {1, 2, 5, 7}), Cpus({1, 5}));
  EXPECT_EQ(in_both({0, 1}, {}), Cpus());
}

TEST(CpuLists, OfNodesAreThoseThatHaveCores) {
  std::string name = (std::filesystem::temp_directory_path() / "hfr-nodes-XXXXXX").string();
  const std::filesystem::path root = mkdtemp(name.data());
  EXPECT_TRUE(cpus_of_nodes(root).empty()) << "a machine that does not tell";
  const auto write = [&](const std::string& node, const std::string& text) {
    const auto folder = root / "sys/devices/system/node" / node;
    std::filesystem::create_directories(folder);
    std::ofstream(folder / "cpulist") << text << "\n";
  };
  write("node1", "4-7");
  write("node0", "0-3");
  write("node2", "");  // memory only
  write("node3", "no list");
  write("nodeish", "8-9");
  EXPECT_EQ(cpus_of_nodes(root), (std::vector<Cpus>{{0, 1, 2, 3}, {4, 5, 6, 7}}));
  std::filesystem::remove_all(root);
}

}  // namespace
}  // namespace hfreduce::topology
