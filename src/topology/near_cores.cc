#include "topology/near_cores.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <fstream>

#include "topology/cpu_lists.h"

namespace hfreduce::topology {
namespace {

std::string first_line(const std::string& file) {
  std::ifstream stream(file);
  std::string line;
  std::getline(stream, line);
  return line;
}

std::string of_cpu(const std::string& system, std::int32_t cpu, const char* file) {
  return first_line(fmt::format("{}/sys/devices/system/cpu/cpu{}/{}", system, cpu, file));
}

// A list that does not name the thread that it was asked of is none.
std::optional<std::int32_t> cache_of_all(const Cpus& cpus, const std::string& system) {
  if (of_cpu(system, cpus.front(), "cache/index3/level") != "3") return std::nullopt;
  const auto list = parse_cpu_list(of_cpu(system, cpus.front(), "cache/index3/shared_cpu_list"));
  if (!list || !std::includes(list->begin(), list->end(), cpus.begin(), cpus.end()))
    return std::nullopt;
  return list->front();
}

// Systems that do not know write -1.
std::optional<std::int32_t> package_of(std::int32_t cpu, const std::string& system) {
  const std::string text = of_cpu(system, cpu, "topology/physical_package_id");
  std::int32_t number = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0) return std::nullopt;
  return number;
}

}  // namespace

Shared shared_by(const Cpus& cpus, const std::string& system) {
  Shared shared;
  if (cpus.empty()) return shared;
  shared.cache = cache_of_all(cpus, system);
  shared.package = package_of(cpus.front(), system);
  for (const std::int32_t cpu : cpus)
    if (shared.package && package_of(cpu, system) != shared.package) shared.package.reset();
  return shared;
}

}  // namespace hfreduce::topology
