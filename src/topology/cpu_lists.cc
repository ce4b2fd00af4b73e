#include "topology/cpu_lists.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace hfreduce::topology {
namespace {

constexpr std::int32_t kMostCpus = 1 << 20;

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
  std::error_code none;
  for (const auto& entry :
       std::filesystem::directory_iterator(system + "/sys/devices/system/node", none)) {
    const std::string name = entry.path().filename();
    if (!name.starts_with("node") || name.find_first_not_of("0123456789", 4) != std::string::npos)
      continue;
    auto cpus = read_list(entry.path() / "cpulist");
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
