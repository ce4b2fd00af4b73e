#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <string_view>
#include <tuple>

#include "svg.h"
#include "topology/relation.h"

namespace hfreduce::topo {
namespace {

using topology::Cache;
using topology::Cpus;
using topology::Device;
using topology::Facts;

constexpr double kGap = 8, kCore = 12, kLine = 16, kChip = 118, kChipHeight = 32;

// Things of equal size that fill rows; where they end is how high they are.
class Flow {
 public:
  Flow(double left, double top, double width) : left_(left), right_(left + width), at_{left, top} {}
  Point place(double width, double height) {
    if (at_.x > left_ && at_.x + width > right_) {
      at_ = {left_, at_.y + row_ + 4};
      row_ = 0;
    }
    const Point where = at_;
    at_.x += width + 4;
    row_ = std::max(row_, height);
    return where;
  }
  double bottom() const { return at_.y + row_; }

 private:
  double left_, right_;
  Point at_;
  double row_ = 0;
};

bool within(const Cpus& part, const Cpus& whole) {
  return !part.empty() && std::includes(whole.begin(), whole.end(), part.begin(), part.end());
}

struct Drawing {
  const Facts& facts;
  const std::optional<topology::Limits>& limits;
  std::vector<std::string> tags;
  Page* page;

  bool may_use(const Cpus& cpus) const {
    if (!limits || !limits->binding) return true;
    return std::any_of(cpus.begin(), cpus.end(), [&](std::int32_t cpu) {
      return std::binary_search(limits->binding->begin(), limits->binding->end(), cpu);
    });
  }
};

void draw_cores(const Drawing& drawing, const Cpus& within_cpus, Flow flow) {
  for (const auto& core : drawing.facts.cores) {
    if (!within(core.cpus, within_cpus)) continue;
    const Point at = flow.place(kCore, kCore);
    const bool usable = drawing.may_use(core.cpus);
    drawing.page->hint(fmt::format("cpus {}{}", topology::to_text(core.cpus),
                                   usable ? "" : ", not for this process"));
    drawing.page->rectangle({at.x, at.y, kCore, kCore}, usable ? "core" : "forbidden");
  }
}

std::vector<const Cache*> last_caches(const Facts& facts, const Cpus& cpus) {
  std::vector<const Cache*> found;
  for (const Cache& cache : facts.caches)
    if (cache.level == facts.last_level() && within(cache.cpus, cpus)) found.push_back(&cache);
  return found;
}

// Each last-level cache with the cores that share it.
double draw_caches(const Drawing& drawing, const Cpus& cpus, Box room) {
  Flow flow(room.x, room.y, room.width);
  const auto caches = last_caches(drawing.facts, cpus);
  for (const Cache* cache : caches) {
    const double columns = std::clamp(static_cast<double>(cache->cores), 4.0, 16.0);
    const double width = std::min(room.width, columns * (kCore + 4) + 8);
    const double in_row = std::max(1.0, std::floor((width - 4) / (kCore + 4)));
    const double rows = std::max(1.0, std::ceil(static_cast<double>(cache->cores) / in_row));
    const double height = kLine + rows * (kCore + 4) + 4;
    const Point at = flow.place(width, height);
    drawing.page->rectangle({at.x, at.y, width, height}, "cache");
    drawing.page->text({at.x + 4, at.y + 12}, "small",
                       fmt::format("L{} {}", cache->level,
                                   cache->bytes ? topology::bytes_text(*cache->bytes) : "?"));
    draw_cores(drawing, cache->cpus, Flow(at.x + 4, at.y + kLine, width - 6));
  }
  if (!caches.empty()) return flow.bottom();
  const auto cores = std::count_if(drawing.facts.cores.begin(), drawing.facts.cores.end(),
                                   [&](const auto& it) { return within(it.cpus, cpus); });
  draw_cores(drawing, cpus, Flow(room.x, room.y, room.width));
  const double in_row = std::max(1.0, std::floor(room.width / (kCore + 4)));
  return room.y + std::ceil(static_cast<double>(cores) / in_row) * (kCore + 4);
}

void draw_chip(const Drawing& drawing, std::size_t at, Point where) {
  const Device& device = drawing.facts.devices[at];
  drawing.page->hint(device.pci + " " + device.model);
  drawing.page->rectangle({where.x, where.y, kChip, kChipHeight}, is_gpu(device.kind) ? "gpu"
                                                                  : is_network(device.kind)
                                                                      ? "nic"
                                                                      : "disk");
  drawing.page->text(
      {where.x + 4, where.y + 13}, "",
      drawing.tags[at] + " " + (device.names.empty() ? "" : device.names.front().substr(0, 12)));
  drawing.page->text({where.x + 4, where.y + 26}, "faint", device.pci);
}

// Devices that a switch joins stand in one frame.
double draw_devices(const Drawing& drawing, std::vector<std::size_t> devices, Box room) {
  Flow flow(room.x, room.y, room.width);
  while (!devices.empty()) {
    std::vector<std::size_t> group, rest;
    for (const std::size_t at : devices) {
      const auto relation = topology::between(drawing.facts, devices.front(), at);
      const auto& first = drawing.facts.devices[devices.front()].bridges;
      const auto& its = drawing.facts.devices[at].bridges;
      const bool joined =
          first.size() > 1 && its.size() > 1 && first[0] == its[0] && first[1] == its[1];
      (joined || relation == topology::Relation::kSelf ? group : rest).push_back(at);
    }
    const auto across =
        static_cast<std::size_t>(std::max(1.0, std::floor(room.width / (kChip + 12))));
    const std::size_t columns = std::min(group.size(), across);
    const std::size_t rows = (group.size() + columns - 1) / columns;
    const double width = static_cast<double>(columns) * (kChip + 4) + 4;
    const double height = static_cast<double>(rows) * (kChipHeight + 4) + 4;
    const Point at = flow.place(width, height);
    if (group.size() > 1) drawing.page->rectangle({at.x, at.y, width, height}, "switch");
    for (std::size_t i = 0; i < group.size(); ++i)
      draw_chip(drawing, group[i],
                {at.x + 4 + static_cast<double>(i % columns) * (kChip + 4),
                 at.y + 4 + static_cast<double>(i / columns) * (kChipHeight + 4)});
    devices = std::move(rest);
  }
  return flow.bottom();
}

template <typename Wanted>
std::vector<std::size_t> devices_where(const Facts& facts, const Wanted& wanted) {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < facts.devices.size(); ++i)
    if (facts.devices[i].kind != topology::Kind::kOther && wanted(facts.devices[i]))
      found.push_back(i);
  return found;
}

// A frame whose height is known only when what is in it has been drawn: drawn twice, first on a
// page that nobody sees.
template <typename Draw>
double framed(const Drawing& drawing, Box box, const char* style, const Draw& draw) {
  Page unseen;
  Drawing trial{drawing.facts, drawing.limits, drawing.tags, &unseen};
  box.height = draw(trial) + kGap - box.y;
  drawing.page->rectangle(box, style);
  draw(drawing);
  return box.y + box.height;
}

double draw_node(const Drawing& outer, std::size_t at, Box box) {
  const auto& node = outer.facts.nodes[at];
  return framed(outer, box, "node", [&](const Drawing& drawing) {
    drawing.page->text(
        {box.x + kGap, box.y + 16}, "",
        fmt::format("node {}: {}, cpus {}", node.number,
                    node.bytes ? topology::bytes_text(*node.bytes) : "unknown memory",
                    topology::to_text(node.cpus)));
    const double left = box.x + kGap, width = box.width - 2 * kGap;
    double y = draw_caches(drawing, node.cpus, {left, box.y + 24, width, 0});
    const auto devices =
        devices_where(drawing.facts, [&](const Device& it) { return it.node == at; });
    return devices.empty() ? y : draw_devices(drawing, devices, {left, y + kGap, width, 0});
  });
}

double draw_package(const Drawing& outer, std::size_t at, Box box) {
  const auto& package = outer.facts.packages[at];
  return framed(outer, box, "package", [&](const Drawing& drawing) {
    drawing.page->text({box.x + kGap, box.y + 16}, "",
                       fmt::format("package {} {}", package.number, package.model));
    const double left = box.x + kGap, width = box.width - 2 * kGap;
    double y = box.y + 24;
    for (std::size_t n = 0; n < drawing.facts.nodes.size(); ++n)
      if (drawing.facts.nodes[n].package == at)
        y = draw_node(drawing, n, {left, y, width, 0}) + kGap;
    const auto devices = devices_where(
        drawing.facts, [&](const Device& it) { return it.package == at && !it.node; });
    return devices.empty() ? y : draw_devices(drawing, devices, {left, y, width, 0});
  });
}

double draw_packages(const Drawing& drawing, double top) {
  const std::size_t packages = drawing.facts.packages.size();
  const std::size_t columns = std::min<std::size_t>(std::max<std::size_t>(packages, 1), 2);
  const double width =
      (Page::kWidth - 32 - kGap * static_cast<double>(columns - 1)) / static_cast<double>(columns);
  double y = top, row_end = top;
  for (std::size_t p = 0; p < packages; ++p) {
    if (p % columns == 0) y = row_end + (p == 0 ? 0 : kGap);
    const double x = 16 + static_cast<double>(p % columns) * (width + kGap);
    row_end = std::max(row_end, draw_package(drawing, p, {x, y, width, 0}));
  }
  return row_end;
}

// Only what the picture shows.
void draw_key(const Drawing& drawing, Point at) {
  const Facts& facts = drawing.facts;
  const auto any = [&](const auto& is) {
    return std::any_of(facts.devices.begin(), facts.devices.end(), is);
  };
  const auto bridged = [](const Device& it) { return it.bridges.size() > 1; };
  const bool barred = std::any_of(facts.cores.begin(), facts.cores.end(),
                                  [&](const auto& it) { return !drawing.may_use(it.cpus); });
  const std::tuple<bool, const char*, const char*> entries[] = {
      {!facts.cores.empty(), "key core", "core"},
      {barred, "key forbidden", "core that is not for this process"},
      {any([](const Device& it) { return is_gpu(it.kind); }), "key gpu", "GPU"},
      {any([](const Device& it) { return is_network(it.kind); }), "key nic", "network"},
      {any(bridged), "key switch", "behind one PCIe switch"}};
  for (const auto& [shown, style, words] : entries) {
    if (!shown) continue;
    drawing.page->rectangle({at.x, at.y - 9, kCore, kCore}, style);
    drawing.page->text({at.x + kCore + 5, at.y}, "faint", words);
    at.x += kCore + 20 + 6 * static_cast<double>(std::string_view(words).size());
  }
}

// "NVLink: gpu0 to gpu7, each with every other", as no picture of boxes shows it.
std::string nvlinks(const Drawing& drawing) {
  const auto& devices = drawing.facts.devices;
  std::vector<std::size_t> gpus;
  for (std::size_t i = 0; i < devices.size(); ++i)
    if (is_gpu(devices[i].kind)) gpus.push_back(i);
  std::string pairs;
  std::size_t joined = 0;
  for (std::size_t a = 0; a < gpus.size(); ++a)
    for (std::size_t b = a + 1; b < gpus.size(); ++b) {
      if (topology::between(drawing.facts, gpus[a], gpus[b]) != topology::Relation::kNvlink)
        continue;
      ++joined;
      pairs += fmt::format("{}{}-{}", pairs.empty() ? "" : ", ", drawing.tags[gpus[a]],
                           drawing.tags[gpus[b]]);
    }
  if (joined == 0) return "";
  if (gpus.size() > 2 && joined == gpus.size() * (gpus.size() - 1) / 2)
    return fmt::format("NVLink: each of the {} GPUs with every other", gpus.size());
  constexpr std::size_t kMostShown = 16;
  return joined <= kMostShown ? "NVLink: " + pairs
                              : fmt::format("NVLink: {} pairs of GPUs (see the text)", joined);
}

}  // namespace

double draw_machine(const Findings& findings, double top, Page* page) {
  const Facts& facts = findings.facts;
  const Drawing drawing{facts, findings.limits, tags(facts), page};
  if (!facts.known()) {
    page->text({16, top + 16}, "", facts.unknown);
    return top + 24;
  }
  page->text({16, top + 16}, "title", facts.host.empty() ? facts.origin : facts.host);
  page->text({16, top + 34}, "", topology::summary(facts));
  draw_key(drawing, {16, top + 54});
  const std::string links = nvlinks(drawing);
  if (!links.empty()) page->text({16, top + 72}, "", links);
  double y = draw_packages(drawing, top + (links.empty() ? 64 : 82));
  for (std::size_t n = 0; n < facts.nodes.size(); ++n)
    if (!facts.nodes[n].package) y = draw_node(drawing, n, {16, y + kGap, Page::kWidth - 32, 0});
  const auto lost = devices_where(facts, [](const Device& it) { return !it.node && !it.package; });
  if (lost.empty()) return y;
  page->text({16, y + 22}, "", "at an unknown NUMA node");
  return draw_devices(drawing, lost, {16, y + 28, Page::kWidth - 32, 0});
}

}  // namespace hfreduce::topo
