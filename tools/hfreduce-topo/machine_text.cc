#include <fmt/core.h>

#include <algorithm>
#include <map>

#include "commands.h"
#include "topology/probe.h"
#include "topology/relation.h"

namespace hfreduce::topo {
namespace {

using topology::Device;
using topology::Facts;
using topology::Relation;

constexpr std::size_t kMostColumns = 24;  // of the table of distances

struct Page {
  const Facts& facts;
  std::vector<std::string> tags;
  std::string text;

  void line(const std::string& head, const std::string& rest) {
    text += rest.empty() ? head + "\n" : fmt::format("{:<12}{}\n", head, rest);
  }
};

// "L3 16 MiB x 32, each of 4 cores": unequal ones apart.
std::string cache_text(const Facts& facts, std::int32_t level) {
  std::map<std::pair<std::uint64_t, std::size_t>, std::size_t> counts;
  for (const auto& cache : facts.caches)
    if (cache.level == level) ++counts[{cache.bytes.value_or(0), cache.cores}];
  std::string text;
  for (const auto& [kind, count] : counts) {
    const auto& [bytes, cores] = kind;
    text += fmt::format("{}L{} {}{}", text.empty() ? "" : ", ", level,
                        bytes == 0 ? "of unknown size" : topology::bytes_text(bytes),
                        count == 1 ? "" : fmt::format(" x {}", count));
    if (cores > 1) text += fmt::format(" (each shared by {} cores)", cores);
  }
  return text;
}

std::string caches_text(const Facts& facts) {
  std::string text;
  for (std::int32_t level = 1; level <= facts.last_level(); ++level)
    if (const std::string one = cache_text(facts, level); !one.empty())
      text += (text.empty() ? "" : ", ") + one;
  return text.empty() ? "unknown" : text;
}

std::string processor_text(const Facts& facts) {
  std::string text;
  for (const auto& package : facts.packages)
    if (text.find(package.model) == std::string::npos)
      text += (text.empty() ? "" : ", ") + package.model;
  return text.empty() ? "unknown" : text;
}

void add_head(Page* page) {
  const Facts& facts = page->facts;
  std::string host = facts.host.empty() ? "unknown" : facts.host;
  if (!facts.model.empty()) host += ", " + facts.model;
  page->line("host", fmt::format("{} (from {}; {})", host, facts.origin, topology::prober()));
  page->line("machine", topology::summary(facts));
  page->line("processor", processor_text(facts));
  page->line("caches", caches_text(facts));
}

std::string names_text(const Device& device) {
  std::string text;
  for (const std::string& name : device.names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

std::string nearest_text(const Page& page, std::size_t device) {
  const auto near = topology::nearest(
      page.facts, device, is_gpu(page.facts.devices[device].kind) ? is_network : is_gpu);
  if (near.empty()) return {};
  std::string text = " nearest";
  for (std::size_t i = 0; i < near.size() && i < 4; ++i) text += " " + page.tags[near[i]];
  if (near.size() > 4) text += " ...";
  return fmt::format("{} ({})", text,
                     short_name(topology::between(page.facts, device, near.front())));
}

std::string device_text(const Page& page, std::size_t at) {
  const Device& device = page.facts.devices[at];
  std::string speeds;
  if (device.pcie_gbyte_per_s) speeds = fmt::format("PCIe {:.1f} GB/s", *device.pcie_gbyte_per_s);
  if (device.mbit_per_s)
    speeds += fmt::format("{}port {} Gbit/s", speeds.empty() ? "" : ", ",
                          static_cast<double>(*device.mbit_per_s) / 1000);
  if (speeds.empty()) speeds = "speed unknown";
  std::string text =
      fmt::format("{:<6}{}  {:<13} {}", page.tags[at], device.pci, names_text(device), speeds);
  if (!device.model.empty()) text += ", " + device.model;
  if (const std::string near = nearest_text(page, at); !near.empty()) text += ";" + near;
  return text;
}

// GPUs and networks a line each; disks, of which there are many, in one.
template <typename Wanted>
void add_devices(Page* page, const Wanted& wanted) {
  std::string disks;
  for (std::size_t i = 0; i < page->facts.devices.size(); ++i) {
    const Device& device = page->facts.devices[i];
    if (!wanted(device)) continue;
    if (is_gpu(device.kind) || is_network(device.kind))
      page->line("", device_text(*page, i));
    else if (device.kind == topology::Kind::kStorage)
      disks += (disks.empty() ? "" : " ") + device.label();
  }
  if (!disks.empty()) page->line("", "disks " + disks);
}

std::string last_level_text(const Facts& facts, const topology::Node& node) {
  const std::int32_t level = facts.last_level();
  std::size_t count = 0;
  for (const auto& cache : facts.caches)
    count +=
        cache.level == level && !cache.cpus.empty() &&
        std::includes(node.cpus.begin(), node.cpus.end(), cache.cpus.begin(), cache.cpus.end());
  return count == 0 ? "" : fmt::format(", {} L{}", count, level);
}

void add_node(Page* page, std::size_t at) {
  const Facts& facts = page->facts;
  const auto& node = facts.nodes[at];
  const auto cores = std::count_if(facts.cores.begin(), facts.cores.end(),
                                   [&](const auto& core) { return core.node == at; });
  std::string text = node.bytes ? topology::bytes_text(*node.bytes) : "unknown memory";
  if (cores > 0) text += fmt::format(", {} cores", cores);
  text += ", cpus " + topology::to_text(node.cpus) + last_level_text(facts, node);
  page->line(fmt::format("{}node {}", node.package ? "  " : "", node.number), text);
  add_devices(page, [&](const Device& device) { return device.node == at; });
}

void add_packages(Page* page) {
  const Facts& facts = page->facts;
  for (std::size_t p = 0; p < facts.packages.size(); ++p) {
    const auto& package = facts.packages[p];
    page->line(fmt::format("package {}", package.number < 0 ? "?" : std::to_string(package.number)),
               "cpus " + topology::to_text(package.cpus));
    for (std::size_t n = 0; n < facts.nodes.size(); ++n)
      if (facts.nodes[n].package == p) add_node(page, n);
    add_devices(page, [&](const Device& it) { return it.package == p && !it.node; });
  }
  for (std::size_t n = 0; n < facts.nodes.size(); ++n)
    if (!facts.nodes[n].package) add_node(page, n);
  const bool lost = std::any_of(facts.devices.begin(), facts.devices.end(), [](const Device& it) {
    return !it.node && !it.package && it.kind != topology::Kind::kOther;
  });
  if (!lost) return;
  page->line("node ?", "the system does not say which NUMA node these are at");
  add_devices(page, [](const Device& it) { return !it.node && !it.package; });
}

void add_node_distances(Page* page) {
  const Facts& facts = page->facts;
  if (facts.nodes.size() < 2) return;
  if (!facts.node_distances.known()) {
    page->line("\nnode distances: unknown", "");
    return;
  }
  std::string head = "\nnode dist. ";
  for (const auto& node : facts.nodes) head += fmt::format("{:>5}", node.number);
  page->line(head, "");
  for (std::size_t from = 0; from < facts.nodes.size(); ++from) {
    std::string row = fmt::format("{:>10}", facts.nodes[from].number);
    for (std::size_t to = 0; to < facts.nodes.size(); ++to)
      row += fmt::format("{:>5}", facts.node_distances.at(from, to));
    page->line(row, "");
  }
}

void add_device_distances(Page* page) {
  std::vector<std::size_t> shown;
  for (const auto wanted : {is_gpu, is_network})
    for (std::size_t i = 0; i < page->facts.devices.size(); ++i)
      if (wanted(page->facts.devices[i].kind)) shown.push_back(i);
  if (shown.size() < 2) return;
  if (shown.size() > kMostColumns) {
    page->line(fmt::format("\ndistances between {} devices: see --json", shown.size()), "");
    return;
  }
  std::string head = "\nbetween    ";
  for (const std::size_t i : shown) head += fmt::format(" {:>5}", page->tags[i]);
  page->line(head, "");
  std::map<Relation, bool> met;
  for (const std::size_t from : shown) {
    std::string row = fmt::format("{:>10} ", page->tags[from]);
    for (const std::size_t to : shown) {
      const Relation relation = topology::between(page->facts, from, to);
      met[relation] = true;
      row += fmt::format(" {:>5}", short_name(relation));
    }
    page->line(row, "");
  }
  std::string legend;
  for (const auto& [relation, unused] : met)
    if (relation != Relation::kSelf)
      legend += fmt::format("{}{}: {}", legend.empty() ? "" : "; ", short_name(relation),
                            meaning(relation));
  page->line("", legend);
}

void add_process(Page* page, const topology::Limits& limits) {
  const Facts& facts = page->facts;
  std::string binding = "unknown";
  if (limits.binding) {
    binding = "cpus " + topology::to_text(*limits.binding);
    if (facts.known()) binding += fmt::format(" of {}", topology::to_text(facts.cpus));
  }
  if (facts.known() && facts.allowed != facts.cpus)
    binding += fmt::format("; its control group allows {}", topology::to_text(facts.allowed));
  page->line("\nthis process", "");
  page->line("  bound to", binding);
  page->line("  quota", !limits.quota_known ? "unknown: " + limits.quota_from
                        : limits.quota      ? fmt::format("{:.2f} processors ({})", *limits.quota,
                                                          limits.quota_from)
                                            : "none: no control group limits its processor time");
  const auto usable = limits.usable();
  page->line(
      "  so it has",
      usable ? fmt::format("{} thread{} at a time", *usable, *usable == 1 ? "" : "s") : "unknown");
}

}  // namespace

std::string machine_text(const Findings& findings) {
  Page page{findings.facts, tags(findings.facts), {}};
  if (findings.facts.known()) {
    add_head(&page);
    page.text += "\n";
    add_packages(&page);
    add_node_distances(&page);
    add_device_distances(&page);
  } else {
    page.line(findings.facts.unknown, "");
  }
  if (findings.limits) add_process(&page, *findings.limits);
  return std::move(page.text);
}

}  // namespace hfreduce::topo
