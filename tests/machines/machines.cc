#include "machines.h"

#include <fmt/format.h>
#include <hwloc.h>
#include <hwloc/distances.h>

#include <memory>
#include <stdexcept>

namespace hfreduce::machines {
namespace {

struct Destroy {
  void operator()(hwloc_topology* topology) const { hwloc_topology_destroy(topology); }
};
using Topology = std::unique_ptr<hwloc_topology, Destroy>;

void must(bool fine, const char* what) {
  if (!fine) throw std::runtime_error(what);
}

template <typename Source>
Topology load(const Source& source) {
  hwloc_topology_t raw = nullptr;
  must(hwloc_topology_init(&raw) == 0, "init");
  Topology topology(raw);
  hwloc_topology_set_io_types_filter(raw, HWLOC_TYPE_FILTER_KEEP_ALL);
  must(source(raw) == 0, "source");
  must(hwloc_topology_load(raw) == 0, "load");
  return topology;
}

Topology from_description(const std::string& description) {
  return load([&](auto it) { return hwloc_topology_set_synthetic(it, description.c_str()); });
}

Topology from_xml(const std::string& xml) {
  return load([&](auto it) {
    return hwloc_topology_set_xmlbuffer(it, xml.c_str(), static_cast<int>(xml.size() + 1));
  });
}

std::string to_xml(hwloc_topology_t topology) {
  char* text = nullptr;
  int length = 0;
  must(hwloc_topology_export_xmlbuffer(topology, &text, &length, 0) == 0, "export");
  std::string xml(text);
  hwloc_free_xmlbuffer(topology, text);
  return xml;
}

// Of NUMA nodes: 10 to itself, then by whether the package is the same.
void add_node_distances(hwloc_topology_t topology, std::uint64_t inside, std::uint64_t outside) {
  std::vector<hwloc_obj_t> nodes;
  for (hwloc_obj_t it = nullptr;
       (it = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_NUMANODE, it)) != nullptr;)
    nodes.push_back(it);
  std::vector<hwloc_uint64_t> values;
  for (const hwloc_obj_t from : nodes)
    for (const hwloc_obj_t to : nodes) {
      const bool near = hwloc_get_ancestor_obj_by_type(topology, HWLOC_OBJ_PACKAGE, from) ==
                        hwloc_get_ancestor_obj_by_type(topology, HWLOC_OBJ_PACKAGE, to);
      values.push_back(from == to ? 10 : near ? inside : outside);
    }
  void* handle = hwloc_distances_add_create(
      topology, "NUMALatency", HWLOC_DISTANCES_KIND_FROM_OS | HWLOC_DISTANCES_KIND_MEANS_LATENCY,
      0);
  must(handle != nullptr, "distances");
  must(hwloc_distances_add_values(topology, handle, static_cast<unsigned>(nodes.size()),
                                  nodes.data(), values.data(), 0) == 0,
       "values");
  must(hwloc_distances_add_commit(topology, handle, 0) == 0, "commit");
}

// What `bandwidth` says of two GPUs, or of a GPU and an NVSwitch, by their numbers (switches: -1).
template <typename Bandwidth>
void add_nvlink(hwloc_topology_t topology, const Bandwidth& bandwidth) {
  std::vector<hwloc_obj_t> ends;
  std::vector<int> numbers;
  int gpus = 0;
  for (hwloc_obj_t it = nullptr; (it = hwloc_get_next_pcidev(topology, it)) != nullptr;) {
    const auto pci_class = it->attr->pcidev.class_id;
    if (pci_class != 0x0302 && pci_class != 0x0680) continue;
    ends.push_back(it);
    numbers.push_back(pci_class == 0x0302 ? gpus++ : -1);
  }
  std::vector<hwloc_uint64_t> values;
  for (std::size_t from = 0; from < ends.size(); ++from)
    for (std::size_t to = 0; to < ends.size(); ++to)
      values.push_back(from == to ? 1'000'000 : bandwidth(numbers[from], numbers[to]));
  void* handle = hwloc_distances_add_create(
      topology, "NVLinkBandwidth",
      HWLOC_DISTANCES_KIND_FROM_OS | HWLOC_DISTANCES_KIND_MEANS_BANDWIDTH, 0);
  must(handle != nullptr, "distances");
  must(hwloc_distances_add_values(topology, handle, static_cast<unsigned>(ends.size()), ends.data(),
                                  values.data(), 0) == 0,
       "values");
  must(hwloc_distances_add_commit(topology, handle, 0) == 0, "commit");
}

// Writes PCI objects; numbers them, and their buses, as it goes.
class Pci {
 public:
  std::string host_bridge(const std::string& inside, unsigned first_bus) {
    return fmt::format(
        "<object type=\"Bridge\" gp_index=\"{}\" bridge_type=\"0-1\" depth=\"0\" "
        "bridge_pci=\"0000:[{:02x}-{:02x}]\">\n{}</object>\n",
        next_++, first_bus, bus_, inside);
  }
  // What is above and below it: "0000:01:00.0" is a bridge to the buses from `first` on.
  std::string bridge(const std::string& address, unsigned first_bus, const std::string& inside) {
    return fmt::format(
        "<object type=\"Bridge\" gp_index=\"{}\" bridge_type=\"1-1\" depth=\"1\" "
        "bridge_pci=\"0000:[{:02x}-{:02x}]\" pci_busid=\"{}\" "
        "pci_type=\"0604 [1000:c010] [0000:0000] b0\" pci_link_speed=\"31.5\">\n{}</object>\n",
        next_++, first_bus, bus_, address, inside);
  }
  std::string device(const std::string& address, const std::string& type, double speed,
                     const std::string& inside = {}) {
    return fmt::format(
        "<object type=\"PCIDev\" gp_index=\"{}\" pci_busid=\"{}\" pci_type=\"{}\" "
        "pci_link_speed=\"{}\">\n{}</object>\n",
        next_++, address, type, speed, inside);
  }
  std::string named(const std::string& name, int type) {
    return fmt::format("<object type=\"OSDev\" gp_index=\"{}\" name=\"{}\" osdev_type=\"{}\"/>\n",
                       next_++, name, type);
  }
  unsigned new_bus() { return ++bus_; }

  std::string gpu(unsigned bus) {
    return device(fmt::format("0000:{:02x}:00.0", bus), "0302 [10de:20b0] [10de:134f] a1", 31.5);
  }
  std::string nvswitch(unsigned bus) {
    std::string text =
        device(fmt::format("0000:{:02x}:00.0", bus), "0680 [10de:1af1] [10de:16cb] a1", 4);
    return text.replace(0, 8, "<object subtype=\"NVSwitch\" ");
  }
  std::string infiniband(unsigned bus, int number) {
    return device(fmt::format("0000:{:02x}:00.0", bus), "0207 [15b3:101b] [15b3:0007] 00", 31.5,
                  named(fmt::format("ib{}", number), 2) + named(fmt::format("mlx5_{}", number), 3));
  }
  // A switch: a port up, and one down to each of what hangs from it.
  std::string pci_switch(int nic) {
    const unsigned up = new_bus(), inner = new_bus();
    std::string below;
    for (int port = 0; port < 2; ++port) {
      const unsigned bus = new_bus();
      const std::string end = port == 0 ? gpu(bus) : infiniband(bus, nic);
      below += bridge(fmt::format("0000:{:02x}:{:02x}.0", inner, port), bus, end);
    }
    return bridge(fmt::format("0000:{:02x}:00.0", up), inner, below);
  }

 private:
  int next_ = 100000;
  unsigned bus_ = 0;
};

// Puts a fragment into what holds the `node`-th NUMA node; -1: into the machine.
void splice(std::string* xml, int node, const std::string& fragment) {
  std::size_t at = 0;
  std::size_t indent = 4;
  for (int i = 0; i <= node; ++i) {
    at = xml->find("<object type=\"NUMANode\"", at + 1);
    must(at != std::string::npos, "node");
    indent = at - xml->rfind('\n', at) - 1;
  }
  const std::string closing = fmt::format("\n{:{}}</object>", "", indent - 2);
  at = xml->find(closing, at);
  must(at != std::string::npos, "closing");
  xml->insert(at + 1, fragment);
}

}  // namespace

std::string synthetic(const std::string& description) {
  return to_xml(from_description(description).get());
}

std::string dgx() {
  const Topology bare = from_description(
      "pack:2 numa:4(memory=274877906944) l3:4(size=16777216) l2:4(size=524288) core:1 pu:2");
  add_node_distances(bare.get(), 12, 32);
  std::string xml = to_xml(bare.get());
  Pci pci;
  int nic = 0;
  for (const int node : {3, 1, 7, 5}) {
    const unsigned bus = pci.new_bus();
    std::string switches;
    for (int i = 0; i < 2; ++i) {
      const unsigned port = pci.new_bus();
      switches +=
          pci.bridge(fmt::format("0000:{:02x}:{:02x}.1", bus, i), port, pci.pci_switch(nic++));
    }
    splice(&xml, node, pci.host_bridge(switches, bus));
  }
  std::string nvswitches;
  const unsigned nvlink = pci.new_bus();
  for (int i = 0; i < 6; ++i) {
    const unsigned port = pci.new_bus();
    nvswitches +=
        pci.bridge(fmt::format("0000:{:02x}:{:02x}.0", nvlink, i), port, pci.nvswitch(port));
  }
  splice(&xml, 5, pci.host_bridge(nvswitches, nvlink));
  const unsigned bus = pci.new_bus();
  splice(&xml, -1,
         pci.host_bridge(pci.device(fmt::format("0000:{:02x}:00.0", bus),
                                    "0300 [1a03:2000] [1a03:2000] 41", 0) +
                             pci.device(fmt::format("0000:{:02x}:01.0", bus),
                                        "0200 [8086:1563] [8086:0000] 01", 0, pci.named("eno1", 2)),
                         bus));
  const Topology whole = from_xml(xml);
  add_nvlink(whole.get(), [](int from, int to) { return (from < 0) != (to < 0) ? 50'000 : 0; });
  return to_xml(whole.get());
}

std::string epyc8() {
  const Topology bare =
      from_description("pack:2 [numa(memory=549755813888)] l3:8(size=33554432) core:4 pu:1");
  add_node_distances(bare.get(), 10, 32);
  std::string xml = to_xml(bare.get());
  Pci pci;
  for (const int node : {0, 1}) {
    // Four root ports of one host bridge; at the second package the network has a host bridge of
    // its own.
    const unsigned bus = pci.new_bus();
    std::string ports;
    for (int i = 0; i < 4; ++i) {
      const unsigned below = pci.new_bus();
      ports += pci.bridge(fmt::format("0000:{:02x}:{:02x}.1", bus, i), below, pci.gpu(below));
    }
    splice(&xml, node, pci.host_bridge(ports, bus));
    if (node == 0) continue;
    const unsigned other = pci.new_bus(), below = pci.new_bus();
    splice(&xml, node,
           pci.host_bridge(
               pci.bridge(fmt::format("0000:{:02x}:01.1", other), below, pci.infiniband(below, 0)),
               other));
  }
  const Topology whole = from_xml(xml);
  add_nvlink(whole.get(), [](int from, int to) { return from / 2 == to / 2 ? 200'000 : 0; });
  return to_xml(whole.get());
}

std::string virtual_machine() {
  std::string xml = to_xml(from_description("pack:1 [numa(memory=4294967296)] core:4 pu:1").get());
  Pci pci;
  splice(&xml, -1,
         pci.host_bridge(pci.device("0000:00:03.0", "0200 [1af4:1041] [1af4:1041] 01", 0,
                                    pci.named("eth0", 2)) +
                             pci.device("0000:00:04.0", "0302 [10de:20b0] [10de:134f] a1", 0),
                         0));
  return to_xml(from_xml(xml).get());
}

}  // namespace hfreduce::machines
