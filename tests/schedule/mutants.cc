#include "mutants.h"

#include <utility>

namespace hfreduce::testing {
namespace {

using namespace schedule;

const char* op_name(Op op) {
  constexpr const char* kNames[] = {"reduce", "put", "signal", "wait", "drain", "repeat"};
  return kNames[static_cast<std::size_t>(op)];
}

class Mutator {
 public:
  explicit Mutator(const Schedule& schedule) : original_(schedule) {}

  std::vector<Mutant> all() {
    for (lane_ = 0; lane_ < original_.lanes.size(); ++lane_) {
      for (step_ = 0; step_ < original_.lanes[lane_].steps.size(); ++step_) {
        if (here().op == Op::kRepeat) {
          counts();
          continue;
        }
        drop();
        swap_with_next();
        timing();
        if (here().peers.count > 1) drop_peer();
        if (here().op == Op::kReduce || here().op == Op::kPut) data();
      }
    }
    return std::move(mutants_);
  }

 private:
  const Step& here() const { return original_.lanes[lane_].steps[step_]; }

  void add(const std::string& kind, const std::function<void(Schedule&, Step&)>& change) {
    Mutant mutant{kind + ": " + op_name(here().op), lane_, step_, original_};
    change(mutant.schedule, mutant.schedule.lanes[lane_].steps[step_]);
    for (Lane& lane : mutant.schedule.lanes) {
      lane.skew = 0;
      for (const Step& step : lane.steps) lane.skew = std::max(lane.skew, step.skew);
    }
    mutants_.push_back(std::move(mutant));
  }

  void counts() {
    add("one time more", [](Schedule&, Step& step) { ++step.count; });
    add("one time less", [](Schedule&, Step& step) { --step.count; });
  }

  // The repeat whose body this step belongs to.
  Step* enclosing(Schedule& schedule) const {
    for (std::size_t at = 0; at < step_; ++at) {
      Step& step = schedule.lanes[lane_].steps[at];
      if (step.op == Op::kRepeat && step_ <= at + step.body) return &step;
    }
    return nullptr;
  }

  void drop() {
    add("drop", [&](Schedule& schedule, Step&) {
      if (Step* repeat = enclosing(schedule)) --repeat->body;
      auto& steps = schedule.lanes[lane_].steps;
      steps.erase(steps.begin() + static_cast<std::ptrdiff_t>(step_));
    });
  }

  void swap_with_next() {
    const auto& steps = original_.lanes[lane_].steps;
    if (step_ + 1 == steps.size() || steps[step_ + 1].op == Op::kRepeat) return;
    add(std::string("swap with ") + op_name(steps[step_ + 1].op),
        [&](Schedule& schedule, Step& step) {
          std::swap(step, schedule.lanes[lane_].steps[step_ + 1]);
        });
  }

  void timing() {
    Schedule copy = original_;
    if (enclosing(copy) == nullptr) {
      add("skew + 1", [](Schedule&, Step& step) { ++step.skew; });
      if (here().skew > 0) add("skew - 1", [](Schedule&, Step& step) { --step.skew; });
    }
    if (here().op == Op::kReduce) return;
    add("tick + 1", [](Schedule&, Step& step) { ++step.tick.offset; });
    add("tick - 1", [](Schedule&, Step& step) { --step.tick.offset; });
    if (here().op != Op::kWait && here().op != Op::kDrain) return;
    add("lag + 1", [](Schedule&, Step& step) { ++step.lag; });
    if (here().lag > 0) add("lag - 1", [](Schedule&, Step& step) { --step.lag; });
  }

  void drop_peer() {
    add("drop a peer", [](Schedule&, Step& step) { --step.peers.count; });
  }

  void data() {
    add("next chunk", [](Schedule&, Step& step) {
      ++(step.chunks.modulus > 1 ? step.chunks.start : step.chunks.base);
    });
    if (here().chunks.count > 1)
      add("a chunk less", [](Schedule&, Step& step) { --step.chunks.count; });
    if (here().op == Op::kReduce)
      add("completes or not", [](Schedule&, Step& step) { step.final = !step.final; });
    if (here().sources.count > 1) {
      add("a source less", [](Schedule&, Step& step) { --step.sources.count; });
      add("sources swapped", [](Schedule& schedule, Step& step) {
        std::swap(schedule.places[step.sources.begin], schedule.places[step.sources.begin + 1]);
      });
      add("a source twice", [](Schedule& schedule, Step& step) {
        schedule.places[step.sources.begin] = schedule.places[step.sources.begin + 1];
      });
    }
    if (here().destinations.count > 1)
      add("a destination less", [](Schedule&, Step& step) { --step.destinations.count; });
    places(here().sources, "source");
    places(here().destinations, "destination");
  }

  void places(const Range& range, const std::string& what) {
    for (std::uint32_t at = range.begin; at < range.begin + range.count; ++at) {
      const Place& place = original_.places[at];
      if (place.kind == PlaceKind::kSlot) {
        add("next slot as " + what,
            [at](Schedule& schedule, Step&) { ++schedule.places[at].tick.offset; });
        if (original_.layout.areas.size() > 1)
          add("another area as " + what, [at](Schedule& schedule, Step&) {
            auto& area = schedule.places[at].area;
            area = area == 0 ? 1 : static_cast<std::uint8_t>(area - 1);
          });
      } else {
        add("the other buffer as " + what, [at](Schedule& schedule, Step&) {
          auto& kind = schedule.places[at].kind;
          kind = kind == PlaceKind::kInput ? PlaceKind::kOutput : PlaceKind::kInput;
        });
      }
    }
  }

  const Schedule& original_;
  std::size_t lane_ = 0, step_ = 0;
  std::vector<Mutant> mutants_;
};

}  // namespace

std::vector<Mutant> mutants(const Schedule& schedule) { return Mutator(schedule).all(); }

}  // namespace hfreduce::testing
