// Which hardware threads lie near each other, as the kernel tells. Needs no hwloc.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "topology/facts.h"

namespace hfreduce::topology {

// "0-3,8", ascending; absent: it is no such list.
std::optional<Cpus> parse_cpu_list(std::string_view text);
// The hardware threads near each NUMA node that has any; empty: not known. `system` stands before
// /sys: for tests.
std::vector<Cpus> cpus_of_nodes(const std::string& system = {});
// What both name.
Cpus in_both(const Cpus& a, const Cpus& b);

}  // namespace hfreduce::topology
