// What the kernel says of devices and hwloc does not: whether the NUMA node is known at all, how
// fast a port runs.
#pragma once

#include <optional>
#include <string>

namespace hfreduce::topology {

// The kernel's number of the node that this PCI function is at. -1: it does not know; absent: no
// such file.
std::optional<std::int32_t> node_of_pci(const std::string& address);
// Of a network interface or InfiniBand device that is up; absent: unknown, as in virtual machines.
std::optional<std::int64_t> port_mbit_per_s(const std::string& name);
// The makers' name for the machine; empty: unknown.
std::string machine_model();

}  // namespace hfreduce::topology
