// Small mistakes, made on purpose: the verifier has to notice each.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "schedule/printer.h"
#include "schedule/schedule.h"

namespace hfreduce::testing {

enum class Mistake {
  kDrop,
  kSwap,  // with the next step
  kLaterTurn,
  kEarlierTurn,
  kNextTick,
  kTickBefore,
  kMoreLag,
  kLessLag,
  kPeerLess,
  kNextChunk,
  kChunkLess,
  kCompletes,  // or no longer
  kSourceLess,
  kSourcesSwapped,
  kSourceTwice,
  kDestinationLess,
  kNextSlot,
  kOtherArea,
  kOtherBuffer,
  kOnceMore,
  kOnceLess,
};

struct Mutant {
  Mistake mistake;
  std::size_t lane = 0, step = 0;
  schedule::Schedule schedule;
};

// Makes every single mistake in one rank's schedule.
class Mutator {
 public:
  explicit Mutator(const schedule::Schedule& schedule) : original_(schedule) {}

  std::vector<Mutant> all() {
    for (lane_ = 0; lane_ < original_.lanes.size(); ++lane_) {
      for (step_ = 0; step_ < original_.lanes[lane_].steps.size(); ++step_) {
        if (here().op == Op::kRepeat) {
          add(Mistake::kOnceMore, [](Schedule&, Step& step) { ++step.count; });
          add(Mistake::kOnceLess, [](Schedule&, Step& step) { --step.count; });
          continue;
        }
        order();
        timing();
        if (here().peers.count > 1)
          add(Mistake::kPeerLess, [](Schedule&, Step& step) { --step.peers.count; });
        if (here().op == Op::kReduce || here().op == Op::kPut || here().op == Op::kClaim) data();
      }
    }
    return std::move(mutants_);
  }

 private:
  using Op = schedule::Op;
  using Schedule = schedule::Schedule;
  using Step = schedule::Step;

  const Step& here() const { return original_.lanes[lane_].steps[step_]; }

  template <typename Change>
  void add(Mistake mistake, Change&& change) {
    Mutant mutant{mistake, lane_, step_, original_};
    change(mutant.schedule, mutant.schedule.lanes[lane_].steps[step_]);
    for (schedule::Lane& lane : mutant.schedule.lanes) {
      lane.skew = 0;
      for (const Step& step : lane.steps) lane.skew = std::max(lane.skew, step.skew);
    }
    mutants_.push_back(std::move(mutant));
  }

  // The repeat whose body this step belongs to.
  Step* enclosing(Schedule& schedule) const {
    for (std::size_t at = 0; at < step_; ++at) {
      Step& step = schedule.lanes[lane_].steps[at];
      if (step.op == Op::kRepeat && step_ <= at + step.body) return &step;
    }
    return nullptr;
  }

  void order() {
    add(Mistake::kDrop, [&](Schedule& schedule, Step&) {
      if (Step* repeat = enclosing(schedule)) --repeat->body;
      auto& steps = schedule.lanes[lane_].steps;
      steps.erase(steps.begin() + static_cast<std::ptrdiff_t>(step_));
    });
    const auto& steps = original_.lanes[lane_].steps;
    if (step_ + 1 == steps.size() || steps[step_ + 1].op == Op::kRepeat) return;
    add(Mistake::kSwap, [&](Schedule& schedule, Step& step) {
      std::swap(step, schedule.lanes[lane_].steps[step_ + 1]);
    });
  }

  void timing() {
    Schedule copy = original_;
    if (enclosing(copy) == nullptr) {
      add(Mistake::kLaterTurn, [](Schedule&, Step& step) { ++step.skew; });
      if (here().skew > 0) add(Mistake::kEarlierTurn, [](Schedule&, Step& step) { --step.skew; });
    }
    if (here().op == Op::kReduce) return;
    add(Mistake::kNextTick, [](Schedule&, Step& step) { ++step.tick.offset; });
    add(Mistake::kTickBefore, [](Schedule&, Step& step) { --step.tick.offset; });
    if (here().op != Op::kWait && here().op != Op::kDrain) return;
    add(Mistake::kMoreLag, [](Schedule&, Step& step) { ++step.lag; });
    if (here().lag > 0) add(Mistake::kLessLag, [](Schedule&, Step& step) { --step.lag; });
  }

  void data() {
    add(Mistake::kNextChunk, [](Schedule&, Step& step) {
      ++(step.chunks.modulus > 1 ? step.chunks.start : step.chunks.base);
    });
    if (here().chunks.count > 1)
      add(Mistake::kChunkLess, [](Schedule&, Step& step) { --step.chunks.count; });
    if (here().op != Op::kPut)
      add(Mistake::kCompletes, [](Schedule&, Step& step) { step.final = !step.final; });
    if (here().sources.count > 1) {
      add(Mistake::kSourceLess, [](Schedule&, Step& step) { --step.sources.count; });
      add(Mistake::kSourcesSwapped, [](Schedule& schedule, Step& step) {
        std::swap(schedule.places[step.sources.begin], schedule.places[step.sources.begin + 1]);
      });
      add(Mistake::kSourceTwice, [](Schedule& schedule, Step& step) {
        schedule.places[step.sources.begin] = schedule.places[step.sources.begin + 1];
      });
    }
    if (here().destinations.count > 1)
      add(Mistake::kDestinationLess, [](Schedule&, Step& step) { --step.destinations.count; });
    places(here().sources);
    places(here().destinations);
  }

  void places(const schedule::Range& range) {
    for (std::uint32_t at = range.begin; at < range.begin + range.count; ++at) {
      if (original_.places[at].kind != schedule::PlaceKind::kSlot) {
        add(Mistake::kOtherBuffer, [at](Schedule& schedule, Step&) {
          auto& kind = schedule.places[at].kind;
          kind = kind == schedule::PlaceKind::kInput ? schedule::PlaceKind::kOutput
                                                     : schedule::PlaceKind::kInput;
        });
        continue;
      }
      add(Mistake::kNextSlot,
          [at](Schedule& schedule, Step&) { ++schedule.places[at].tick.offset; });
      if (original_.layout.areas.size() > 1)
        add(Mistake::kOtherArea, [at](Schedule& schedule, Step&) {
          auto& area = schedule.places[at].area;
          area = area == 0 ? 1 : static_cast<std::uint8_t>(area - 1);
        });
    }
  }

  const Schedule& original_;
  std::size_t lane_ = 0, step_ = 0;
  std::vector<Mutant> mutants_;
};

}  // namespace hfreduce::testing
