#include "topology/hwloc_objects.h"
#ifdef HFREDUCE_HAVE_HWLOC

#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>

#include "topology/probe.h"
#include "topology/sysfs.h"
#include "topology/xml_text.h"

namespace hfreduce::topology {
namespace {

constexpr const char* kHere = "this machine";
constexpr unsigned kMostNumber = 1u << 20;  // of a processor or node: beyond it no kernel counts

Topology new_topology(unsigned long flags) {
  hwloc_topology_t raw = nullptr;
  if (hwloc_topology_init(&raw) != 0) return nullptr;
  Topology topology(raw);
  hwloc_topology_set_flags(raw, flags);
  hwloc_topology_set_io_types_filter(raw, HWLOC_TYPE_FILTER_KEEP_IMPORTANT);
  return topology;
}

hwloc_obj_t object(hwloc_topology_t topology, hwloc_obj_type_t type, std::size_t index) {
  return hwloc_get_obj_by_type(topology, type, static_cast<unsigned>(index));
}

std::size_t count(hwloc_topology_t topology, hwloc_obj_type_t type) {
  return static_cast<std::size_t>(std::max(0, hwloc_get_nbobjs_by_type(topology, type)));
}

std::int32_t number_of(hwloc_obj_t it) {
  return it->os_index < kMostNumber ? static_cast<std::int32_t>(it->os_index) : -1;
}

void find_packages(hwloc_topology_t topology, Facts* facts) {
  for (std::size_t i = 0; i < count(topology, HWLOC_OBJ_PACKAGE); ++i) {
    const hwloc_obj_t it = object(topology, HWLOC_OBJ_PACKAGE, i);
    facts->packages.push_back(
        {number_of(it), info_of(it, "CPUModel"), cpus_in(topology, it->cpuset)});
  }
}

void find_nodes(hwloc_topology_t topology, Facts* facts) {
  for (std::size_t i = 0; i < count(topology, HWLOC_OBJ_NUMANODE); ++i) {
    const hwloc_obj_t it = object(topology, HWLOC_OBJ_NUMANODE, i);
    Node node;
    node.number = number_of(it);
    node.package = package_of(topology, it->cpuset);
    if (it->attr->numanode.local_memory != 0) node.bytes = it->attr->numanode.local_memory;
    node.cpus = cpus_in(topology, it->cpuset);
    facts->nodes.push_back(std::move(node));
  }
  const Distances distances(topology, "NUMALatency");
  const std::size_t size = facts->nodes.size();
  if (distances.it == nullptr || distances.it->nbobjs != size) return;
  Matrix matrix{size, std::vector<std::uint64_t>(size * size)};
  for (std::size_t i = 0; i < size * size; ++i) {
    const hwloc_obj_t from = distances.it->objs[i / size], to = distances.it->objs[i % size];
    if (from == nullptr || to == nullptr || from->type != HWLOC_OBJ_NUMANODE ||
        to->type != HWLOC_OBJ_NUMANODE || from->logical_index >= size || to->logical_index >= size)
      return;
    matrix.values[from->logical_index * size + to->logical_index] = distances.it->values[i];
  }
  facts->node_distances = std::move(matrix);
}

void find_caches(hwloc_topology_t topology, Facts* facts) {
  for (const hwloc_obj_type_t type : {HWLOC_OBJ_L1CACHE, HWLOC_OBJ_L2CACHE, HWLOC_OBJ_L3CACHE,
                                      HWLOC_OBJ_L4CACHE, HWLOC_OBJ_L5CACHE}) {
    for (std::size_t i = 0; i < count(topology, type); ++i) {
      const hwloc_obj_t it = object(topology, type, i);
      Cache cache;
      cache.level = 1 + (type - HWLOC_OBJ_L1CACHE);
      if (it->attr->cache.size != 0) cache.bytes = it->attr->cache.size;
      cache.cores = static_cast<std::size_t>(std::max(
          0, hwloc_get_nbobjs_inside_cpuset_by_type(topology, it->cpuset, HWLOC_OBJ_CORE)));
      cache.cpus = cpus_in(topology, it->cpuset);
      facts->caches.push_back(std::move(cache));
    }
  }
}

void find_cores(hwloc_topology_t topology, Facts* facts) {
  for (std::size_t i = 0; i < count(topology, HWLOC_OBJ_CORE); ++i) {
    const hwloc_obj_t it = object(topology, HWLOC_OBJ_CORE, i);
    facts->cores.push_back({package_of(topology, it->cpuset), node_of(topology, it->nodeset),
                            cpus_in(topology, it->cpuset)});
  }
}

Facts facts_of(hwloc_topology_t topology, const std::string& origin) {
  Facts facts;
  facts.origin = origin;
  facts.this_machine = hwloc_topology_is_thissystem(topology) != 0;
  if (!facts.this_machine && origin == kHere) facts.origin = "what HWLOC_* variables name";
  const hwloc_obj_t root = hwloc_get_root_obj(topology);
  facts.host = info_of(root, "HostName");
  facts.model = info_of(root, "DMIProductName");
  if (facts.model.empty() && facts.this_machine) facts.model = clean(machine_model().c_str());
  facts.cpus = cpus_in(topology, hwloc_topology_get_complete_cpuset(topology));
  facts.allowed = cpus_in(topology, hwloc_topology_get_allowed_cpuset(topology));
  find_packages(topology, &facts);
  find_nodes(topology, &facts);
  find_caches(topology, &facts);
  find_cores(topology, &facts);
  find_devices(topology, &facts);
  return facts;
}

}  // namespace

std::string clean(const char* text) {
  constexpr std::size_t kMost = 120;
  std::string kept;
  for (; text != nullptr && *text != '\0' && kept.size() < kMost; ++text)
    kept += *text >= ' ' && *text <= '~' ? *text : '?';
  const auto first = kept.find_first_not_of(' ');
  if (first == std::string::npos) return {};
  return kept.substr(first, kept.find_last_not_of(' ') - first + 1);
}

std::string info_of(hwloc_obj_t it, const char* name) {
  return clean(hwloc_obj_get_info_by_name(it, name));
}

// By the processors that there are, since a set in a file may be infinite.
Cpus cpus_in(hwloc_topology_t topology, hwloc_const_bitmap_t set) {
  Cpus cpus;
  if (set == nullptr) return cpus;
  for (hwloc_obj_t pu = nullptr;
       (pu = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_PU, pu)) != nullptr;)
    if (pu->os_index < kMostNumber && hwloc_bitmap_isset(set, pu->os_index))
      cpus.push_back(static_cast<std::int32_t>(pu->os_index));
  std::sort(cpus.begin(), cpus.end());
  return cpus;
}

std::optional<std::size_t> package_of(hwloc_topology_t topology, hwloc_const_bitmap_t set) {
  if (set == nullptr || hwloc_bitmap_iszero(set)) return std::nullopt;
  for (std::size_t i = 0; i < count(topology, HWLOC_OBJ_PACKAGE); ++i)
    if (hwloc_bitmap_isincluded(set, object(topology, HWLOC_OBJ_PACKAGE, i)->cpuset)) return i;
  return std::nullopt;
}

std::optional<std::size_t> node_of(hwloc_topology_t topology, hwloc_const_bitmap_t nodes) {
  if (nodes == nullptr || hwloc_bitmap_weight(nodes) != 1) return std::nullopt;
  const hwloc_obj_t it = hwloc_get_numanode_obj_by_os_index(
      topology, static_cast<unsigned>(hwloc_bitmap_first(nodes)));
  return it == nullptr ? std::nullopt : std::optional<std::size_t>(it->logical_index);
}

Facts probe_this_machine() {
  const Topology topology = new_topology(HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED);
  if (topology != nullptr && hwloc_topology_load(topology.get()) == 0)
    return facts_of(topology.get(), kHere);
  Facts facts;
  facts.origin = kHere;
  facts.this_machine = true;
  facts.unknown = fmt::format("the topology is unknown: hwloc could not look at this machine: {}",
                              std::strerror(errno));
  return facts;
}

Result<Facts> read_xml(const std::string& name, const std::string& text) {
  if (const std::string wrong = what_is_wrong(text, hwloc_get_api_version() >> 16); !wrong.empty())
    return Status(Code::kInvalidArgument, fmt::format("{}: {}", name, wrong));
  const Topology topology = new_topology(HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED);
  if (topology == nullptr) return Status(Code::kOutOfMemory, "no memory for a topology");
  // It wants the length with the end mark.
  if (hwloc_topology_set_xmlbuffer(topology.get(), text.c_str(),
                                   static_cast<int>(text.size() + 1)) != 0 ||
      hwloc_topology_load(topology.get()) != 0)
    return Status(Code::kInvalidArgument,
                  fmt::format("{}: {} cannot read it as a topology (damaged, or not written by "
                              "lstopo)",
                              name, prober()));
  Facts facts = facts_of(topology.get(), name);
  facts.this_machine = false;
  facts.allowed.clear();  // somebody else's
  if (facts.cpus.empty())
    return Status(Code::kInvalidArgument, fmt::format("{}: a topology without processors", name));
  return facts;
}

std::string prober() { return std::string("hwloc ") + HWLOC_VERSION; }
bool has_prober() noexcept { return true; }

}  // namespace hfreduce::topology

#endif
