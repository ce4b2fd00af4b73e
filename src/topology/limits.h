// What this process may use of its machine: binding, and the quota of its control groups. Needs no
// hwloc.
#pragma once

#include <optional>
#include <string>

#include "topology/facts.h"

namespace hfreduce::topology {

struct Limits {
  std::optional<Cpus> binding;  // that the scheduler may run this thread on; absent: unknown
  bool quota_known = false;     // false: the control groups could not be read
  std::optional<double> quota;  // processors' worth of time; absent though known: no limit
  std::string quota_from;       // the file that limits most; or why it is unknown

  // Threads that can really run at once: the smaller of both, at least 1; absent: unknown.
  std::optional<std::size_t> usable() const;
};

// `system` stands before /proc and the paths of mounts: for tests.
Limits read_limits(const std::string& system = {});

}  // namespace hfreduce::topology
