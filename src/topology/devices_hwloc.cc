#include "topology/hwloc_objects.h"
#ifdef HFREDUCE_HAVE_HWLOC

#include <fmt/core.h>
#include <hwloc/distances.h>

#include <algorithm>
#include <map>
#include <string_view>

#include "topology/sysfs.h"

namespace hfreduce::topology {
namespace {

// What a bridge that hangs from no host's bridge gets above it: one of its own.
constexpr std::uint32_t kNoHostBridge = 1u << 31;

struct Found {
  Device device;
  hwloc_obj_t object = nullptr;
};

Kind kind_of_class(std::uint16_t pci_class, std::uint16_t vendor) {
  constexpr std::uint16_t kNvidia = 0x10de, kAmd = 0x1002, kIntel = 0x8086;
  switch (pci_class >> 8) {
    case 0x01:
      return Kind::kStorage;
    case 0x02:
      return pci_class == 0x0207 ? Kind::kInfiniband : Kind::kNic;
    case 0x03:  // a plain VGA controller of another maker is the management console's
      return pci_class != 0x0300 || vendor == kNvidia || vendor == kAmd || vendor == kIntel
                 ? Kind::kGpu
                 : Kind::kOther;
    case 0x0b:
    case 0x12:
      return Kind::kGpu;
    default:
      return Kind::kOther;
  }
}

void add_names(hwloc_obj_t pci, Device* device) {
  for (hwloc_obj_t it = pci->io_first_child; it != nullptr; it = it->next_sibling) {
    if (it->type != HWLOC_OBJ_OS_DEVICE) continue;
    const std::string name = clean(it->name);
    const auto type = it->attr->osdev.type;
    if (type == HWLOC_OBJ_OSDEV_DMA || name.empty()) continue;
    const bool verbs = type == HWLOC_OBJ_OSDEV_OPENFABRICS;
    if (verbs && device->kind == Kind::kOther) device->kind = Kind::kInfiniband;
    device->names.insert(verbs ? device->names.begin() : device->names.end(), name);
    if (device->model.empty()) device->model = info_of(it, "GPUModel");
    if (device->model.empty()) device->model = info_of(it, "CoProcModel");
  }
}

void add_bridges(hwloc_obj_t pci, Device* device) {
  for (hwloc_obj_t it = pci->parent; it != nullptr && it->type == HWLOC_OBJ_BRIDGE;
       it = it->parent) {
    device->bridges.push_back(it->logical_index);
    const bool last = it->parent == nullptr || it->parent->type != HWLOC_OBJ_BRIDGE;
    if (last && it->attr->bridge.upstream_type != HWLOC_OBJ_BRIDGE_HOST)
      device->bridges.push_back(kNoHostBridge | it->logical_index);
  }
  std::reverse(device->bridges.begin(), device->bridges.end());
}

// hwloc attaches a device whose place is unknown to the whole machine, where everything looks
// equally near.
void add_place(hwloc_topology_t topology, hwloc_obj_t pci, Device* device) {
  const hwloc_obj_t near = hwloc_get_non_io_ancestor_obj(topology, pci);
  if (near == nullptr || near == hwloc_get_root_obj(topology)) return;
  device->package = package_of(topology, near->cpuset);
  device->node = node_of(topology, near->nodeset);
}

// The kernel's own word, where there is one: -1 is "unknown", however hwloc read that.
void ask_kernel(Facts* facts, Device* device) {
  if (const auto number = node_of_pci(device->pci)) {
    device->node.reset();
    device->package.reset();
    for (std::size_t i = 0; i < facts->nodes.size(); ++i) {
      if (*number < 0 || facts->nodes[i].number != *number) continue;
      device->node = i;
      device->package = facts->nodes[i].package;
    }
  }
  for (const std::string& name : device->names) {
    if (!device->mbit_per_s) device->mbit_per_s = port_mbit_per_s(name);
  }
}

Device describe(hwloc_topology_t topology, hwloc_obj_t pci) {
  const auto& attributes = pci->attr->pcidev;
  Device device;
  device.vendor = attributes.vendor_id;
  device.device = attributes.device_id;
  device.kind = kind_of_class(attributes.class_id, attributes.vendor_id);
  device.pci = fmt::format("{:04x}:{:02x}:{:02x}.{:x}", static_cast<unsigned>(attributes.domain),
                           attributes.bus, attributes.dev, attributes.func);
  device.model = info_of(pci, "PCIDevice");
  if (attributes.linkspeed > 0 && attributes.linkspeed < 1e6f)
    device.pcie_gbyte_per_s = attributes.linkspeed;
  add_names(pci, &device);
  add_bridges(pci, &device);
  add_place(topology, pci, &device);
  return device;
}

bool is_nvswitch(hwloc_obj_t it) {
  return it != nullptr && it->subtype != nullptr && std::string_view(it->subtype) == "NVSwitch";
}

// Of each end of NVLink: what goes to and comes from all switches together.
struct Switched {
  std::vector<std::uint64_t> to, from;
  explicit Switched(const hwloc_distances_s& links) : to(links.nbobjs), from(links.nbobjs) {
    for (std::size_t i = 0; i < to.size(); ++i)
      for (std::size_t k = 0; k < to.size(); ++k) {
        if (i == k || !is_nvswitch(links.objs[k])) continue;
        to[i] += links.values[i * to.size() + k];
        from[i] += links.values[k * to.size() + i];
      }
  }
};

// What one GPU reaches of another, directly and through switches, not what each of its links does.
// (hwloc's own transformations of this matrix lose GPUs that it lists after a switch.)
void find_nvlink(hwloc_topology_t topology, const std::map<hwloc_obj_t, std::size_t>& indices,
                 Facts* facts) {
  const Distances links(topology, "NVLinkBandwidth");
  if (links.it == nullptr) return;
  const auto index_of = [&](hwloc_obj_t it) {
    while (it != nullptr && it->type == HWLOC_OBJ_OS_DEVICE) it = it->parent;
    const auto found = indices.find(it);
    return found == indices.end() ? indices.size() : found->second;
  };
  const Switched switched(*links.it);
  const std::size_t size = indices.size(), ends = links.it->nbobjs;
  Matrix matrix{size, std::vector<std::uint64_t>(size * size)};
  for (std::size_t i = 0; i < ends; ++i)
    for (std::size_t j = 0; j < ends; ++j) {
      const std::size_t from = index_of(links.it->objs[i]), to = index_of(links.it->objs[j]);
      if (from >= size || to >= size || from == to || is_nvswitch(links.it->objs[i]) ||
          is_nvswitch(links.it->objs[j]))
        continue;
      matrix.values[from * size + to] =
          links.it->values[i * ends + j] + std::min(switched.to[i], switched.from[j]);
    }
  facts->nvlink = std::move(matrix);
}

}  // namespace

void find_devices(hwloc_topology_t topology, Facts* facts) {
  std::vector<Found> found;
  for (hwloc_obj_t pci = nullptr; (pci = hwloc_get_next_pcidev(topology, pci)) != nullptr;)
    found.push_back({describe(topology, pci), pci});
  std::stable_sort(found.begin(), found.end(),
                   [](const Found& a, const Found& b) { return a.device.pci < b.device.pci; });
  std::map<hwloc_obj_t, std::size_t> indices;
  for (Found& it : found) {
    if (facts->this_machine) ask_kernel(facts, &it.device);
    indices[it.object] = facts->devices.size();
    facts->devices.push_back(std::move(it.device));
  }
  find_nvlink(topology, indices, facts);
}

}  // namespace hfreduce::topology

#endif
