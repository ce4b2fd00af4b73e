#include "topology/relation.h"

#include <algorithm>

namespace hfreduce::topology {
namespace {

// The interconnect inside the processors joins what no bridge joins.
Relation across_packages(const Device& a, const Device& b) {
  if (a.node && b.node) return *a.node == *b.node ? Relation::kNode : Relation::kSystem;
  if (a.package && b.package && *a.package != *b.package) return Relation::kSystem;
  return Relation::kUnknown;
}

}  // namespace

const char* short_name(Relation relation) {
  constexpr const char* kNames[] = {"X", "NVL", "PIX", "PXB", "PHB", "NODE", "SYS", "?"};
  return kNames[static_cast<std::size_t>(relation)];
}

const char* meaning(Relation relation) {
  constexpr const char* kMeanings[] = {"itself",
                                       "NVLink",
                                       "at most one PCIe switch",
                                       "several PCIe switches",
                                       "the host bridge",
                                       "inside a NUMA node",
                                       "between NUMA nodes",
                                       "unknown"};
  return kMeanings[static_cast<std::size_t>(relation)];
}

Relation between(const Facts& facts, std::size_t device, std::size_t other) {
  if (device == other) return Relation::kSelf;
  if (facts.nvlink.known() && facts.nvlink.at(device, other) > 0) return Relation::kNvlink;
  const Device& a = facts.devices[device];
  const Device& b = facts.devices[other];
  const auto parted =
      std::mismatch(a.bridges.begin(), a.bridges.end(), b.bridges.begin(), b.bridges.end());
  const auto shared = parted.first - a.bridges.begin();
  if (shared == 0) return across_packages(a, b);
  if (shared == 1) return Relation::kBridge;
  // Below the bridge that they share a switch has one port for each; more are further switches.
  const auto most = std::max(a.bridges.end() - parted.first, b.bridges.end() - parted.second);
  return most <= 1 ? Relation::kSwitch : Relation::kSwitches;
}

const char* to_text(Nearness nearness) {
  constexpr const char* kNames[] = {"local", "same package", "remote", "unknown"};
  return kNames[static_cast<std::size_t>(nearness)];
}

Nearness near(const Facts& facts, std::size_t device, std::size_t node) {
  const Device& it = facts.devices[device];
  if (it.node && *it.node == node) return Nearness::kLocal;
  const auto& package = facts.nodes[node].package;
  if (!it.package || !package) return Nearness::kUnknown;
  if (*it.package != *package) return Nearness::kRemote;
  return it.node ? Nearness::kSamePackage : Nearness::kUnknown;
}

std::vector<std::size_t> nearest(const Facts& facts, std::size_t device, bool (*wanted)(Kind)) {
  Relation best = Relation::kUnknown;
  std::vector<std::size_t> found;
  for (std::size_t other = 0; other < facts.devices.size(); ++other) {
    if (other == device || !wanted(facts.devices[other].kind)) continue;
    const Relation relation = between(facts, device, other);
    if (relation == Relation::kUnknown || relation > best) continue;
    if (relation < best) found.clear();
    best = relation;
    found.push_back(other);
  }
  return found;
}

}  // namespace hfreduce::topology
