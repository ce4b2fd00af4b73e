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
  // Alike for the pods and containers of a machine, which are hosts of their own for everybody who
  // cannot share memory with them. Empty: not known, or not to be asked (HFREDUCE_DETERMINISTIC).
  std::string machine = {};
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

// Whether fewer cores are known than there are ranks; these are of one machine.
bool outnumber_cores(std::span<const Whereabouts> ranks);
// Whether those of any machine do.
bool crowd_a_machine(std::span<const Whereabouts> ranks);

// The cores that are left to help a rank, where those that several ranks may use are shared evenly,
// and the quota too. `host`: all ranks of its host, itself among them. 0: none, or not known.
int spare_cores(const Whereabouts& mine, std::span<const Whereabouts> host);

// The hardware threads of each NUMA node that this thread may use; empty: not known.
std::vector<std::vector<std::int32_t>> own_nodes();

// How many threads are to help this process with large steps, for all its ranks together. `wanted`:
// for each rank; below 0: what is spare on every communicator so far, and in one node.
int choose_workers(std::int64_t wanted, const Whereabouts& mine, std::span<const Whereabouts> host);

}  // namespace hfreduce::comm
