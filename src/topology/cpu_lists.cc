#include "topology/cpu_lists.h"

#include <dirent.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <memory>

namespace hfreduce::topology {
namespace {

constexpr std::int32_t kMostCpus = 1 << 20;

struct CloseFolder {
  void operator()(DIR* folder) const { closedir(folder); }
};

// The number that `text` begins with, which is taken off it.
std::optional<std::int32_t> take_number(std::string_view& text) {
  std::int32_t number = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number < 0 || number >= kMostCpus) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

std::optional<Cpus> read_list(const std::string& file) {
  std::ifstream stream(file);
  std::string line;
  if (!stream || !std::getline(stream, line)) return std::nullopt;
  return parse_cpu_list(line);
}

}  // namespace

std::optional<Cpus> parse_cpu_list(std::string_view text) {
  Cpus cpus;
  while (!text.empty()) {
    const auto first = take_number(text);
    if (!first || (!cpus.empty() && *first <= cpus.back())) return std::nullopt;
    auto last = first;
    if (text.starts_with('-')) {
      text.remove_prefix(1);
      last = take_number(text);
      if (!last || *last < *first) return std::nullopt;
    }
    for (std::int32_t cpu = *first; cpu <= *last; ++cpu) cpus.push_back(cpu);
    if (text.empty()) break;
    if (!text.starts_with(',') || text.size() == 1) return std::nullopt;
    text.remove_prefix(1);
  }
  return cpus;
}

std::vector<Cpus> cpus_of_nodes(const std::string& system) {
  std::vector<Cpus> nodes;
  const std::string folder = system + "/sys/devices/system/node";
  // Not std::filesystem's iterator, which ends the process where there is no memory for it.
  const std::unique_ptr<DIR, CloseFolder> entries(opendir(folder.c_str()));
  while (const dirent* const entry = entries ? readdir(entries.get()) : nullptr) {
    const std::string name = entry->d_name;
    if (!name.starts_with("node") || name.find_first_not_of("0123456789", 4) != std::string::npos)
      continue;
    auto cpus = read_list(folder + "/" + name + "/cpulist");
    if (cpus && !cpus->empty()) nodes.push_back(std::move(*cpus));  // memory may have no cores
  }
  std::sort(nodes.begin(), nodes.end());
  return nodes;
}

Cpus in_both(const Cpus& a, const Cpus& b) {
  Cpus both;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(both));
  return both;
}

}  // namespace hfreduce::topology
