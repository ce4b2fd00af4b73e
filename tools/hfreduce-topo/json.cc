#include <nlohmann/json.hpp>

#include "commands.h"
#include "topology/probe.h"
#include "topology/relation.h"

namespace hfreduce::topo {
namespace {

using Json = nlohmann::ordered_json;
using topology::Facts;

template <typename Value>
Json or_null(const std::optional<Value>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

Json rows(const topology::Matrix& matrix) {
  if (!matrix.known()) return nullptr;
  Json all = Json::array();
  for (std::size_t from = 0; from < matrix.size; ++from) {
    Json row = Json::array();
    for (std::size_t to = 0; to < matrix.size; ++to) row.push_back(matrix.at(from, to));
    all.push_back(std::move(row));
  }
  return all;
}

Json packages(const Facts& facts) {
  Json all = Json::array();
  for (const auto& it : facts.packages)
    all.push_back({{"number", it.number < 0 ? Json(nullptr) : Json(it.number)},
                   {"model", or_null(it.model)},
                   {"cpus", topology::to_text(it.cpus)}});
  return all;
}

Json nodes(const Facts& facts) {
  Json all = Json::array();
  for (const auto& it : facts.nodes)
    all.push_back({{"number", it.number},
                   {"package", or_null(it.package)},
                   {"bytes", or_null(it.bytes)},
                   {"cpus", topology::to_text(it.cpus)}});
  return all;
}

Json caches(const Facts& facts) {
  Json all = Json::array();
  for (const auto& it : facts.caches)
    all.push_back({{"level", it.level},
                   {"bytes", or_null(it.bytes)},
                   {"cores", it.cores},
                   {"cpus", topology::to_text(it.cpus)}});
  return all;
}

Json cores(const Facts& facts) {
  Json all = Json::array();
  for (const auto& it : facts.cores)
    all.push_back({{"package", or_null(it.package)},
                   {"node", or_null(it.node)},
                   {"cpus", topology::to_text(it.cpus)}});
  return all;
}

Json device(const Facts& facts, const std::vector<std::string>& tags, std::size_t at) {
  const auto& it = facts.devices[at];
  Json json{{"tag", tags[at]},
            {"kind", topology::to_text(it.kind)},
            {"names", it.names},
            {"pci", it.pci},
            {"vendor", it.vendor},
            {"device", it.device},
            {"model", or_null(it.model)},
            {"pcie_GBps", or_null(it.pcie_gbyte_per_s)},
            {"port_Mbps", or_null(it.mbit_per_s)},
            {"package", or_null(it.package)},
            {"node", or_null(it.node)}};
  Json near = Json::array(), between = Json::object();
  for (std::size_t node = 0; node < facts.nodes.size(); ++node) {
    const auto nearness = topology::near(facts, at, node);
    near.push_back(nearness == topology::Nearness::kUnknown ? Json(nullptr) : to_text(nearness));
  }
  for (std::size_t other = 0; other < facts.devices.size(); ++other) {
    const auto relation = topology::between(facts, at, other);
    if (other != at)
      between[tags[other]] =
          relation == topology::Relation::kUnknown ? Json(nullptr) : short_name(relation);
  }
  json["nodes"] = std::move(near);
  json["between"] = std::move(between);
  return json;
}

Json nvlink(const Facts& facts, const std::vector<std::string>& tags) {
  if (!facts.nvlink.known()) return nullptr;
  Json links = Json::array();
  for (std::size_t from = 0; from < facts.nvlink.size; ++from)
    for (std::size_t to = 0; to < facts.nvlink.size; ++to)
      if (facts.nvlink.at(from, to) > 0)
        links.push_back(
            {{"from", tags[from]}, {"to", tags[to]}, {"MBps", facts.nvlink.at(from, to)}});
  return links;
}

Json machine(const Facts& facts) {
  Json json{{"host", or_null(facts.host)},
            {"model", or_null(facts.model)},
            {"bytes", or_null(facts.memory())},
            {"cpus", topology::to_text(facts.cpus)},
            {"packages", packages(facts)},
            {"nodes", nodes(facts)},
            {"node_distances", rows(facts.node_distances)},
            {"caches", caches(facts)},
            {"cores", cores(facts)}};
  Json devices = Json::array();
  const auto names = tags(facts);
  for (std::size_t at = 0; at < facts.devices.size(); ++at)
    devices.push_back(device(facts, names, at));
  json["devices"] = std::move(devices);
  json["nvlink"] = nvlink(facts, names);
  return json;
}

Json process(const Findings& findings) {
  if (!findings.limits) return nullptr;
  const auto& limits = *findings.limits;
  const bool known = findings.facts.known();
  return {{"bound_to", limits.binding ? Json(topology::to_text(*limits.binding)) : Json(nullptr)},
          {"allowed", known ? Json(topology::to_text(findings.facts.allowed)) : Json(nullptr)},
          {"quota_known", limits.quota_known},
          {"quota", or_null(limits.quota)},
          {"quota_from", or_null(limits.quota_from)},
          {"usable", or_null(limits.usable())}};
}

Json plan(const Plan& plan) {
  Json calls = Json::array();
  for (const PlannedCall& call : plan.calls) {
    Json routes = Json::array();
    for (const Route& route : call.routes) {
      Json shapes = Json::array();
      for (const Shape& shape : shapes_of(route.edges)) shapes.push_back(to_text(shape));
      routes.push_back({{"lane", route.lane}, {"shapes", shapes}, {"edges", route.edges}});
    }
    calls.push_back({{"collective", call.collective},
                     {"algorithm", call.algorithm},
                     {"by_size", call.by_size},
                     {"segment_bytes", call.segment_bytes},
                     {"routes", std::move(routes)}});
  }
  return {{"ranks", plan.ranks},      {"hosts", plan.hosts},     {"leaders", plan.leaders},
          {"bytes", plan.bytes},      {"members", plan.members}, {"groups", plan.groups},
          {"calls", std::move(calls)}};
}

}  // namespace

std::string json_text(const Findings& findings) {
  const Facts& facts = findings.facts;
  Json json{{"schema", "hfreduce-topo 1"},
            {"from", facts.origin},
            {"by", topology::prober()},
            {"unknown", or_null(facts.unknown)},
            {"machine", facts.known() ? machine(facts) : Json(nullptr)},
            {"process", process(findings)},
            {"plan", findings.plan ? plan(*findings.plan) : Json(nullptr)}};
  // File names may be anything.
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace hfreduce::topo
