// Where a rank may run, which it tells the others when it joins, and how many threads that leaves
// to help it (docs/design/009-workers.md).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/settings.h"
#include "comm/groups.h"

namespace hfreduce::comm {

struct Whereabouts {
  std::string process;  // differs between the processes of a host
  std::string cores;    // see core_mask()
  double quota = 0;  // processors' worth of time that its control groups allow; 0: no limit known
  NearLabels near = {};

  // Of this thread.
  static Whereabouts read(const Settings& settings);
  // Words without a space between two of them.
  std::string pack() const;
  // What is not understood is not known.
  static Whereabouts unpack(std::string_view text);
  bool operator==(const Whereabouts&) const = default;
};

// The cores that are left to help a rank, where those that several ranks may use are shared evenly,
// and the quota too. `host`: all ranks of its host, itself among them. 0: none, or not known.
int spare_cores(const Whereabouts& mine, std::span<const Whereabouts> host);

// The hardware threads of each NUMA node that this thread may use; empty: not known.
std::vector<std::vector<std::int32_t>> own_nodes();

// How many threads are to help this process with large steps, for all its ranks together. `wanted`:
// for each rank; below 0: what is spare on every communicator so far, and in one node.
int choose_workers(std::int64_t wanted, const Whereabouts& mine, std::span<const Whereabouts> host);

}  // namespace hfreduce::comm
