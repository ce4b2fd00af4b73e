// The parts of the probe that know hwloc, among themselves.
#pragma once

#ifdef HFREDUCE_HAVE_HWLOC

#include <hwloc.h>
#include <hwloc/distances.h>

#include <memory>
#include <string>

#include "topology/facts.h"

namespace hfreduce::topology {

struct DestroyTopology {
  void operator()(hwloc_topology* topology) const { hwloc_topology_destroy(topology); }
};
using Topology = std::unique_ptr<hwloc_topology, DestroyTopology>;

// The matrix of that name; none: `it` is null.
struct Distances {
  hwloc_topology_t topology;
  hwloc_distances_s* it = nullptr;
  Distances(hwloc_topology_t of, const char* name) : topology(of) {
    unsigned count = 1;
    if (hwloc_distances_get_by_name(of, name, &count, &it, 0) != 0 || count == 0) it = nullptr;
  }
  Distances(const Distances&) = delete;
  Distances& operator=(const Distances&) = delete;
  ~Distances() {
    if (it != nullptr) hwloc_distances_release(topology, it);
  }
};

// Printable ASCII of at most 120 characters: whoever wrote a file may have meant harm to a
// terminal.
std::string clean(const char* text);
std::string info_of(hwloc_obj_t object, const char* name);
Cpus cpus_in(hwloc_topology_t topology, hwloc_const_bitmap_t set);
// The package that holds all of `set`, the only node of `set`; absent: none, or several.
std::optional<std::size_t> package_of(hwloc_topology_t topology, hwloc_const_bitmap_t set);
std::optional<std::size_t> node_of(hwloc_topology_t topology, hwloc_const_bitmap_t nodes);

void find_devices(hwloc_topology_t topology, Facts* facts);

}  // namespace hfreduce::topology

#endif
