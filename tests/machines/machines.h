// Machines that nobody here has, as hwloc's XML: made at test time from hwloc's own synthetic
// topologies, with PCI devices put where such machines have them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace hfreduce::machines {

// An 8-GPU host as a DGX A100 is built: 2 packages, 8 NUMA nodes, 128 cores; four nodes have two
// PCIe switches each, every switch one GPU and one NIC; NVLink between all GPUs; a management VGA
// and a NIC that no node claims.
std::string dgx();
// Two EPYC packages of one node each; 8 GPUs without NVLink, 4 below each package, each below a
// root port of its own; one InfiniBand NIC at the second package.
std::string epyc8();
// A virtual machine: one package, no caches, devices at no node.
std::string virtual_machine();
// hwloc's synthetic description, without devices.
std::string synthetic(const std::string& description);

}  // namespace hfreduce::machines
