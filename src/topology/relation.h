// How far things are from each other, as far as the facts say. Pure functions.
#pragma once

#include "topology/facts.h"

namespace hfreduce::topology {

// What lies between two devices, nearest first, in the words of `nvidia-smi topo`.
enum class Relation : std::uint8_t {
  kSelf,      // X
  kNvlink,    // NVL
  kSwitch,    // PIX: at most one PCIe switch
  kSwitches,  // PXB: several PCIe switches, not the host's bridge
  kBridge,    // PHB: the host's bridge
  kNode,      // NODE: the interconnect inside a NUMA node
  kSystem,    // SYS: the interconnect between NUMA nodes
  kUnknown,   // ?
};
const char* short_name(Relation relation);
const char* meaning(Relation relation);

Relation between(const Facts& facts, std::size_t device, std::size_t other);

enum class Nearness : std::uint8_t { kLocal, kSamePackage, kRemote, kUnknown };
const char* to_text(Nearness nearness);
// Of a device to a node's memory.
Nearness near(const Facts& facts, std::size_t device, std::size_t node);

// The devices of `kind` that are nearest to this one, in their order; none where nothing is known.
std::vector<std::size_t> nearest(const Facts& facts, std::size_t device, bool (*wanted)(Kind));

}  // namespace hfreduce::topology
