// Which ranks of a host are near each other: what each rank tells about itself at joining, and what
// all make of what all told (docs/design/010-groups.md).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "schedule/placement.h"
#include "topology/facts.h"

namespace hfreduce::comm {

// Words of letters and digits that are equal for ranks of a host that are together; empty: not
// known.
struct NearLabels {
  std::string outer;  // package
  std::string inner;  // cache
  bool operator==(const NearLabels&) const = default;
};

// Of a rank that may run on these hardware threads; `wanted`: HFREDUCE_GROUP, which overrules them.
// `system` stands before /sys: for tests.
NearLabels near_labels(const topology::Cpus& cpus, std::string_view wanted,
                       const std::string& system = {});

// Levels for a Placement. Hosts, and packages, are parted where all their ranks have told where
// they are, and where that makes at least two groups of more than one rank: others have nothing to
// gain from it.
std::vector<schedule::Placement::Labels> group_levels(const schedule::Placement::Labels& host_of,
                                                      const std::vector<NearLabels>& labels);

// Sentences for people: how ranks are grouped, or why they are not.
std::string explain_groups(const schedule::Placement& placement,
                           const std::vector<NearLabels>& labels);

}  // namespace hfreduce::comm
