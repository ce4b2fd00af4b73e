#include "topology/facts.h"

#include <fmt/core.h>

#include <algorithm>

namespace hfreduce::topology {
namespace {

std::string many(std::size_t count, const char* what) {
  return count == 0 ? fmt::format("unknown {}s", what)
                    : fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

}  // namespace

std::string to_text(const Cpus& cpus) {
  std::string text;
  for (std::size_t i = 0; i < cpus.size();) {
    std::size_t last = i;
    while (last + 1 < cpus.size() && cpus[last + 1] == cpus[last] + 1) ++last;
    text += fmt::format("{}{}", text.empty() ? "" : ",", cpus[i]);
    if (last > i) text += fmt::format("-{}", cpus[last]);
    i = last + 1;
  }
  return text.empty() ? "none" : text;
}

const char* to_text(Kind kind) {
  switch (kind) {
    case Kind::kGpu:
      return "gpu";
    case Kind::kNic:
      return "nic";
    case Kind::kInfiniband:
      return "infiniband";
    case Kind::kStorage:
      return "storage";
    case Kind::kOther:
      break;
  }
  return "other";
}

std::optional<std::uint64_t> Facts::memory() const {
  std::uint64_t sum = 0;
  for (const Node& node : nodes) {
    if (!node.bytes || sum + *node.bytes < sum) return std::nullopt;
    sum += *node.bytes;
  }
  return nodes.empty() ? std::nullopt : std::optional(sum);
}

std::int32_t Facts::last_level() const {
  std::int32_t level = 0;
  for (const Cache& cache : caches) level = std::max(level, cache.level);
  return level;
}

std::string bytes_text(std::uint64_t bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  std::size_t unit = 0;
  std::uint64_t divisor = 1;
  while (bytes / divisor >= 1024) {
    divisor *= 1024;
    ++unit;
  }
  if (bytes % divisor == 0) return fmt::format("{} {}", bytes / divisor, kUnits[unit]);
  return fmt::format("{:.1f} {}", static_cast<double>(bytes) / static_cast<double>(divisor),
                     kUnits[unit]);
}

std::string summary(const Facts& facts) {
  const auto bytes = facts.memory();
  return fmt::format("{}, {}, {}, {}, {}", many(facts.packages.size(), "package"),
                     many(facts.nodes.size(), "NUMA node"), many(facts.cores.size(), "core"),
                     many(facts.cpus.size(), "thread"),
                     bytes ? bytes_text(*bytes) : std::string("unknown memory"));
}

}  // namespace hfreduce::topology
