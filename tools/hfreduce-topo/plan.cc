#include "plan.h"

#include <algorithm>

#include "algorithms/proof.h"
#include "planner/planner.h"

namespace hfreduce::topo {
namespace {

// A step reads its sources and writes its destinations: whatever of them is another rank's moves.
void add_edges(const schedule::Schedule& schedule, const schedule::Step& step, Edges* edges) {
  if (step.op != schedule::Op::kReduce && step.op != schedule::Op::kPut &&
      step.op != schedule::Op::kClaim)
    return;
  for (std::uint32_t i = 0; i < step.sources.count; ++i) {
    const std::int32_t owner = schedule.places[step.sources.begin + i].owner;
    if (owner != schedule.rank) edges->emplace(owner, schedule.rank);
  }
  for (std::uint32_t i = 0; i < step.destinations.count; ++i) {
    const std::int32_t owner = schedule.places[step.destinations.begin + i].owner;
    if (owner != schedule.rank) edges->emplace(schedule.rank, owner);
  }
}

std::vector<Route> routes_of(const algorithms::Algorithm& algorithm,
                             const algorithms::Request& request) {
  std::vector<Route> routes;
  for (std::int32_t rank = 0; rank < request.placement->ranks(); ++rank) {
    const schedule::Schedule schedule = algorithm.emit(request, rank);
    for (const schedule::Lane& lane : schedule.lanes) {
      auto route = std::find_if(routes.begin(), routes.end(),
                                [&](const Route& it) { return it.lane == lane.name; });
      if (route == routes.end()) route = routes.insert(route, Route{lane.name, {}});
      for (const schedule::Step& step : lane.steps) add_edges(schedule, step, &route->edges);
    }
  }
  std::erase_if(routes, [](const Route& route) { return route.edges.empty(); });
  return routes;
}

}  // namespace

Result<Plan> make_plan(std::int32_t ranks, std::int32_t hosts, std::uint64_t bytes,
                       const Settings& settings) {
  return make_plan(algorithms::evenly(ranks, hosts).placement, bytes, settings);
}

Result<Plan> make_plan(const schedule::Placement& placement, std::uint64_t bytes,
                       const Settings& settings) {
  using algorithms::Collective;
  Plan plan;
  plan.ranks = placement.ranks();
  plan.hosts = placement.hosts();
  plan.bytes = bytes;
  for (std::int32_t host = 0; host < plan.hosts; ++host)
    plan.members.push_back(placement.members(host));
  for (std::int32_t group = 0; placement.levels() > 0 && group < placement.groups(0); ++group)
    plan.groups.push_back(placement.group(0, group));
  planner::Facts facts;
  facts.placement = &placement;
  facts.leaders = static_cast<std::int32_t>(settings.leaders);
  plan.leaders = planner::choose_leaders(facts, Collective::kAllReduce);
  facts.segment_bytes = static_cast<std::uint32_t>(settings.segment);
  facts.forced = settings.algorithm;
  for (const Collective collective : {Collective::kAllReduce, Collective::kBroadcast}) {
    HFR_ASSIGN(const planner::Choice choice, planner::choose(facts, {collective, bytes, {}}));
    PlannedCall call;
    call.collective = collective == Collective::kAllReduce ? "allreduce" : "broadcast";
    call.algorithm = choice.algorithm->name;
    call.by_size = planner::explain(facts, collective);
    call.segment_bytes = choice.segment_bytes;
    call.routes = routes_of(*choice.algorithm, {&placement, 0, plan.leaders});
    plan.calls.push_back(std::move(call));
  }
  return plan;
}

}  // namespace hfreduce::topo
