// What the planner would choose, and between which ranks data would then move: read from the
// schedules themselves.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/settings.h"
#include "base/status.h"
#include "schedule/placement.h"

namespace hfreduce::topo {

constexpr std::int32_t kMostRanks = 1024;

using Edges = std::set<std::pair<std::int32_t, std::int32_t>>;  // data moves from first to second

// One lane of all ranks' schedules.
struct Route {
  std::string lane;
  Edges edges;
};

struct PlannedCall {
  std::string collective, algorithm;
  std::string by_size;  // "one-shot up to 2 KiB, then two-shot"
  std::uint32_t segment_bytes = 0;
  std::vector<Route> routes;  // those in which data moves between ranks
};

struct Plan {
  std::int32_t ranks = 1, hosts = 1, leaders = 1;
  std::uint64_t bytes = 0;
  std::vector<std::vector<std::int32_t>> members;  // ranks of each host
  std::vector<std::vector<std::int32_t>> groups;   // and of each innermost group; none: no groups
  std::vector<PlannedCall> calls;
};

Result<Plan> make_plan(std::int32_t ranks, std::int32_t hosts, std::uint64_t bytes,
                       const Settings& settings);
Result<Plan> make_plan(const schedule::Placement& placement, std::uint64_t bytes,
                       const Settings& settings);

// What edges look like.
enum class Form : std::uint8_t {
  kRing,
  kChain,
  kTreeToRoot,
  kTreeFromRoot,
  kAll,  // each of `from` to each of `to`, but nobody to itself
  kOther
};

// A connected part of a route. `order`: a ring's or chain's ranks in its order, a tree's from its
// root on (parents before children), else ascending. `parents`: of a tree's ranks, by position in
// `order`; the root's is -1.
struct Shape {
  Form form = Form::kOther;
  std::vector<std::int32_t> order, parents;
  std::vector<std::int32_t> from, to;  // kAll and kOther
  std::size_t edges = 0;
};
std::vector<Shape> shapes_of(const Edges& edges);
// "ring 0 > 1 > 2 > 0", "tree to 3: 3(1(0 2) 5)".
std::string to_text(const Shape& shape);

}  // namespace hfreduce::topo
