#include "executor/straight.h"

#include <algorithm>

#include "executor/bound_plan.h"

namespace hfreduce::executor {
namespace {

using schedule::Op;
using Kind = StraightStep::Kind;

bool is_plain(const BoundStep& step) {
  const std::uint32_t slots = step.ring.slots;
  return step.op != Op::kRepeat && step.op != Op::kClaim && step.every == 1 &&
         (slots & (slots - 1)) == 0;
}

class Layer {
 public:
  explicit Layer(BoundPlan* plan) : plan_(*plan) {}

  // A put is a copy and a signal; nothing was posted that could be drained.
  void lay(const BoundStep& step) {
    if (step.op == Op::kWait) {
      lay_wait(step);
    } else if (step.op == Op::kPut) {
      lay_copy(step, Kind::kStage);
    } else if (step.op == Op::kReduce) {
      lay_reduce(step);
    }
    if (step.signal.line == nullptr) return;
    if (step.offers) add(step, Kind::kOffer);
    add(step, Kind::kSignal).raised = step.signal.line;
  }

 private:
  StraightStep& add(const BoundStep& step, Kind kind) {
    StraightStep straight;
    straight.kind = kind;
    straight.whole = step.chunks.first(0) == 0 && step.chunks.count == plan_.chunks;
    straight.lag = step.lag;
    straight.tick = step.tick;
    straight.slots_mask = step.ring.slots - 1;
    straight.stride = step.ring.stride;
    straight.step = &step;
    return plan_.straight.emplace_back(straight);
  }

  void lay_wait(const BoundStep& step) {
    if (step.offers) {
      add(step, Kind::kAccept);
      return;
    }
    for (std::uint32_t i = 0; i < step.waits.count; ++i) {
      StraightStep& straight = add(step, step.lag == 0 ? Kind::kWait : Kind::kCredit);
      straight.wait = step.waits.begin + i;
      straight.awaited = plan_.wait_lines[straight.wait].line;
    }
  }

  void lay_copy(const BoundStep& step, Kind kind) {
    StraightStep& straight = add(step, kind);
    straight.from = &plan_.places[step.sources.begin];
    straight.to = &plan_.places[step.destinations.begin];
  }

  void lay_reduce(const BoundStep& step) {
    const bool of_one = step.sources.count == 1;
    if (of_one && !step.staging &&
        plan_.places[step.sources.begin].kind == BoundPlace::Kind::kPeerInput)
      add(step, Kind::kRead);
    else if (of_one && step.destinations.count == 1 && !step.final)
      lay_copy(step, step.staging ? Kind::kStage : Kind::kCopy);
    else
      add(step, Kind::kReduce);
  }

  BoundPlan& plan_;
};

}  // namespace

void lay_straight(BoundPlan* plan) {
  if (plan->lanes.size() != 1 || !plan->links.empty()) return;
  const BoundLane& lane = plan->lanes.front();
  if (!std::all_of(lane.steps.begin(), lane.steps.end(), is_plain)) return;
  Layer layer(plan);
  for (std::uint32_t turn = 0; turn <= lane.skew; ++turn) {
    for (const BoundStep& step : lane.steps)
      if (step.skew == turn) layer.lay(step);
  }
  auto& doorbells = plan->straight_doorbells = plan->doorbells;
  std::sort(doorbells.begin(), doorbells.end());
  doorbells.erase(std::unique(doorbells.begin(), doorbells.end()), doorbells.end());
}

}  // namespace hfreduce::executor
