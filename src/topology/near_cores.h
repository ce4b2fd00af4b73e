// Which cache and which package hardware threads share, as the kernel tells. Needs no hwloc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "topology/facts.h"

namespace hfreduce::topology {

// What all of some hardware threads have in common; absent: it is several, or not known.
struct Shared {
  std::optional<std::int32_t> cache;    // of the third level, by its first hardware thread
  std::optional<std::int32_t> package;  // the system's number
};

// `system` stands before /sys: for tests.
Shared shared_by(const Cpus& cpus, const std::string& system = {});

}  // namespace hfreduce::topology
