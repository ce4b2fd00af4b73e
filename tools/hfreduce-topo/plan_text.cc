#include <fmt/core.h>

#include <algorithm>

#include "commands.h"

namespace hfreduce::topo {
namespace {

constexpr std::size_t kMostShapes = 4;  // of a lane; the others are like them

std::string route_text(const Route& route) {
  const auto shapes = shapes_of(route.edges);
  std::string text;
  for (std::size_t i = 0; i < shapes.size() && i < kMostShapes; ++i)
    text += fmt::format("            {:<16}{}\n", i == 0 ? route.lane : "", to_text(shapes[i]));
  if (shapes.size() > kMostShapes)
    text += fmt::format("            {:<16}and {} more\n", "", shapes.size() - kMostShapes);
  return text;
}

}  // namespace

std::string plan_text(const Plan& plan) {
  std::string text =
      fmt::format("\nplan        {} rank{} on {} host{}", plan.ranks, plan.ranks == 1 ? "" : "s",
                  plan.hosts, plan.hosts == 1 ? "" : "s");
  if (plan.hosts > 1)
    text += fmt::format(" (the first has {}), {} of each lead", topology::to_text(plan.members[0]),
                        plan.leaders);
  constexpr std::size_t kMostGroups = 8;
  for (std::size_t i = 0; i < std::min(kMostGroups, plan.groups.size()); ++i)
    text += fmt::format("{}{}", i == 0 ? " in groups " : " | ", topology::to_text(plan.groups[i]));
  if (plan.groups.size() > kMostGroups)
    text += fmt::format(" and {} more", plan.groups.size() - kMostGroups);
  text += "; which core each runs on is the launcher's choice\n";
  for (const PlannedCall& call : plan.calls) {
    text += fmt::format("{:<12}{}\n", call.collective, call.by_size);
    text += fmt::format("            {}: {} in segments of {}\n", topology::bytes_text(plan.bytes),
                        call.algorithm, topology::bytes_text(call.segment_bytes));
    for (const Route& route : call.routes) text += route_text(route);
    if (call.routes.empty()) text += "            nothing moves: there is one rank\n";
  }
  return text;
}

}  // namespace hfreduce::topo
