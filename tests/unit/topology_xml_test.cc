#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "machines.h"
#include "topology/probe.h"
#include "topology/relation.h"

namespace hfreduce::topology {
namespace {

using testing::HasSubstr;

Facts read(const std::string& xml) {
  auto facts = read_xml("file", xml);
  EXPECT_TRUE(facts.ok()) << facts.status().text();
  return facts.ok() ? *facts : Facts{};
}

// The n-th of its kind.
std::size_t device(const Facts& facts, Kind kind, int number) {
  for (std::size_t i = 0; i < facts.devices.size(); ++i)
    if (facts.devices[i].kind == kind && number-- == 0) return i;
  ADD_FAILURE() << "there is no such device";
  return 0;
}

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  const auto at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return at == std::string::npos ? text : text.replace(at, what.size(), by);
}

TEST(TopologyXml, PackagesNodesCachesAndCores) {
  const Facts facts = read(machines::dgx());
  EXPECT_EQ(summary(facts), "2 packages, 8 NUMA nodes, 128 cores, 256 threads, 2 TiB");
  EXPECT_FALSE(facts.this_machine);
  EXPECT_EQ(facts.nodes[5].package, 1u);
  EXPECT_EQ(to_text(facts.nodes[5].cpus), "160-191");
  EXPECT_EQ(facts.last_level(), 3);
  std::size_t last = 0;
  for (const Cache& cache : facts.caches) {
    if (cache.level != 3) continue;
    ++last;
    EXPECT_EQ(cache.cores, 4u);
    EXPECT_EQ(cache.bytes, 16u << 20);
    EXPECT_EQ(cache.cpus.size(), 8u);
  }
  EXPECT_EQ(last, 32u);
  EXPECT_EQ(facts.cores[127].node, 7u);
  EXPECT_EQ(facts.cores[127].package, 1u);
  EXPECT_EQ(to_text(facts.cores[127].cpus), "254-255");
}

TEST(TopologyXml, NodeDistancesAreTheFirmwares) {
  const Facts facts = read(machines::dgx());
  ASSERT_TRUE(facts.node_distances.known());
  EXPECT_EQ(facts.node_distances.at(2, 2), 10u);
  EXPECT_EQ(facts.node_distances.at(2, 3), 12u);
  EXPECT_EQ(facts.node_distances.at(2, 4), 32u);
  EXPECT_FALSE(read(machines::synthetic("numa:2 core:2 pu:1")).node_distances.known());
}

TEST(TopologyXml, DevicesWithNamesSpeedAndNode) {
  const Facts facts = read(machines::dgx());
  const Device& nic = facts.devices[device(facts, Kind::kInfiniband, 2)];
  EXPECT_THAT(nic.names, testing::ElementsAre("mlx5_2", "ib2"));
  EXPECT_EQ(nic.vendor, 0x15b3);
  EXPECT_EQ(nic.node, 1u);
  EXPECT_EQ(nic.package, 0u);
  EXPECT_NEAR(nic.pcie_gbyte_per_s.value_or(0), 31.5, 0.1);
  EXPECT_FALSE(nic.mbit_per_s.has_value()) << "a file does not tell it";
  EXPECT_EQ(facts.devices[device(facts, Kind::kGpu, 7)].node, 5u);
  for (const Device& it : facts.devices)  // the management console's VGA is no GPU
    EXPECT_EQ(it.vendor == 0x1a03 && it.kind == Kind::kGpu, false);
}

TEST(TopologyXml, WhatNoNodeClaimsIsUnknown) {
  const Facts dgx = read(machines::dgx());
  const std::size_t nic = device(dgx, Kind::kNic, 0);
  EXPECT_FALSE(dgx.devices[nic].node.has_value());
  EXPECT_FALSE(dgx.devices[nic].package.has_value());
  EXPECT_EQ(near(dgx, nic, 0), Nearness::kUnknown);
  EXPECT_EQ(between(dgx, nic, device(dgx, Kind::kGpu, 0)), Relation::kUnknown);
  EXPECT_TRUE(nearest(dgx, nic, [](Kind kind) { return kind == Kind::kGpu; }).empty());
  const Facts vm = read(machines::virtual_machine());
  EXPECT_FALSE(vm.devices[device(vm, Kind::kGpu, 0)].node.has_value())
      << "though there is only one";
  EXPECT_FALSE(vm.devices[device(vm, Kind::kGpu, 0)].pcie_gbyte_per_s.has_value());
  EXPECT_TRUE(vm.caches.empty());
  EXPECT_EQ(vm.last_level(), 0);
  EXPECT_THAT(summary(vm), HasSubstr("4 cores"));
}

TEST(TopologyXml, DistancesBetweenDevices) {
  const Facts facts = read(machines::dgx());
  const auto gpu = [&](int n) { return device(facts, Kind::kGpu, n); };
  const auto nic = [&](int n) { return device(facts, Kind::kInfiniband, n); };
  EXPECT_EQ(between(facts, gpu(0), gpu(0)), Relation::kSelf);
  EXPECT_EQ(between(facts, gpu(0), nic(0)), Relation::kSwitch);
  EXPECT_EQ(between(facts, gpu(0), nic(1)), Relation::kBridge);
  EXPECT_EQ(between(facts, gpu(0), nic(2)), Relation::kSystem);
  EXPECT_EQ(near(facts, gpu(0), 3), Nearness::kLocal);
  EXPECT_EQ(near(facts, gpu(0), 1), Nearness::kSamePackage);
  EXPECT_EQ(near(facts, gpu(0), 4), Nearness::kRemote);
  const auto networks = [](Kind kind) { return kind == Kind::kInfiniband || kind == Kind::kNic; };
  EXPECT_THAT(nearest(facts, gpu(5), networks), testing::ElementsAre(nic(5)));
}

TEST(TopologyXml, NvlinkThroughSwitchesAndDirect) {
  const Facts dgx = read(machines::dgx());
  for (int a = 0; a < 8; ++a)
    for (int b = 0; b < 8; ++b) {
      const std::size_t from = device(dgx, Kind::kGpu, a), to = device(dgx, Kind::kGpu, b);
      EXPECT_EQ(dgx.nvlink.at(from, to), a == b ? 0u : 6 * 50'000u) << a << " " << b;
    }
  const Facts epyc = read(machines::epyc8());
  const auto gpu = [&](int n) { return device(epyc, Kind::kGpu, n); };
  EXPECT_EQ(between(epyc, gpu(2), gpu(3)), Relation::kNvlink);
  EXPECT_EQ(between(epyc, gpu(1), gpu(2)), Relation::kBridge);
  EXPECT_EQ(between(epyc, gpu(3), gpu(4)), Relation::kSystem);
  // Another host bridge of the same node.
  EXPECT_EQ(between(epyc, gpu(4), device(epyc, Kind::kInfiniband, 0)), Relation::kNode);
}

TEST(TopologyXml, SwitchesBelowSwitches) {
  Facts facts;
  for (const std::vector<std::uint32_t>& bridges :
       {std::vector<std::uint32_t>{0, 1, 2, 3}, {0, 1, 2, 4}, {0, 1, 2, 5, 6, 7}, {0, 8}, {}}) {
    facts.devices.emplace_back();
    facts.devices.back().bridges = bridges;
  }
  EXPECT_EQ(between(facts, 0, 1), Relation::kSwitch);
  EXPECT_EQ(between(facts, 0, 2), Relation::kSwitches);
  EXPECT_EQ(between(facts, 2, 3), Relation::kBridge);
  EXPECT_EQ(between(facts, 3, 4), Relation::kUnknown);
}

TEST(TopologyXml, OddMachines) {
  EXPECT_EQ(read(machines::synthetic("pu:1")).cpus, Cpus{0});
  EXPECT_EQ(read(machines::synthetic("pu:3")).cores.size(), 0u) << "none told: unknown";
  EXPECT_EQ(read(machines::synthetic("pack:3 core:5 pu:3")).cpus.size(), 45u);
  const Facts split = read(machines::synthetic("numa:2 pack:2 core:2 pu:1"));
  EXPECT_EQ(split.nodes.size(), 2u);
  EXPECT_FALSE(split.nodes[0].package.has_value()) << "it spans two";
}

TEST(TopologyXml, ATextThatIsNoTopologyGetsASentence) {
  const std::string good = machines::epyc8();
  const std::pair<std::string, const char*> cases[] = {
      {"", "it is empty"},
      {" \n", "it is empty"},
      {"machine: 8 GPUs\n", "not XML"},
      {"<html><body/></html>", "no <topology>"},
      {"<root/>", "0.9"},
      {std::string("<topology\0>", 11), "binary"},
      {"<topology version=\"2.0\"", "in the middle"},
      {"<topology version=\"2.0\"></topology>", "cannot read it"},
      {replaced(good, "version=\"2.0\"", "version=\"3.0\""),
       "of another version (version=\"3.0\")"},
      {replaced(good, "version=\"2.0\"", "version=\"zwei\""), "of another version"},
      {replaced(good, "<!DOCTYPE", "<!DOCTYPE topology [<!ENTITY a \"b\">]><!--"), "entities"},
      {replaced(good, "cpuset=\"0x", "cpuset=\"hello"), ""},
  };
  for (const auto& [text, sentence] : cases) {
    const auto facts = read_xml("bad.xml", text);
    if (*sentence == '\0') continue;  // whatever it says: it comes back
    ASSERT_FALSE(facts.ok()) << text.substr(0, 60);
    EXPECT_EQ(facts.status().code(), Code::kInvalidArgument);
    EXPECT_THAT(facts.status().text(), testing::StartsWith("bad.xml: "));
    EXPECT_THAT(facts.status().text(), HasSubstr(sentence));
  }
}

TEST(TopologyXml, CutOffAnywhereItIsRefused) {
  const std::string good = machines::epyc8();
  const std::size_t end = good.find("</topology>");
  for (int percent = 0; percent < 100; ++percent) {
    const std::string cut = good.substr(0, end * static_cast<std::size_t>(percent) / 100);
    EXPECT_FALSE(read_xml("cut.xml", cut).ok()) << percent << " %";
    // And with an end that pretends to be whole.
    EXPECT_FALSE(read_xml("cut.xml", cut + "</topology>").ok()) << percent << " %";
  }
}

TEST(TopologyXml, NamesCannotDriveATerminal) {
  std::string hostile = "m\xc2\x9b\xc3\xa9&lt;";
  hostile.append(500, 'x');
  const Facts facts = read(replaced(machines::epyc8(), "mlx5_0", hostile));
  const std::string& name = facts.devices[device(facts, Kind::kInfiniband, 0)].names.front();
  EXPECT_LE(name.size(), 120u);
  EXPECT_THAT(name, testing::StartsWith("m\x3f\x3f\x3f\x3f<xxx"));
}

TEST(TopologyXml, ThisMachineIsFoundAndNothingIsGuessed) {
  const Facts facts = probe_this_machine();
  ASSERT_TRUE(facts.known()) << facts.unknown;
  EXPECT_TRUE(facts.this_machine);
  EXPECT_FALSE(facts.cpus.empty());
  EXPECT_TRUE(std::includes(facts.cpus.begin(), facts.cpus.end(), facts.allowed.begin(),
                            facts.allowed.end()));
  for (const Device& it : facts.devices) EXPECT_LT(it.node.value_or(0), facts.nodes.size());
}

}  // namespace
}  // namespace hfreduce::topology
