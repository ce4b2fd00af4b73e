// What went wrong, in sentences.
#include <fmt/format.h>

#include <algorithm>

#include "schedule/proving/machine.h"

namespace hfreduce::schedule::proving {
namespace {

std::string place_name(const Place& place) {
  if (place.kind == PlaceKind::kInput) return fmt::format("the input of rank {}", place.owner);
  if (place.kind == PlaceKind::kOutput) return fmt::format("the output of rank {}", place.owner);
  return fmt::format("a slot of area {} of rank {}", place.area, place.owner);
}

std::string position(const LaneRun& run) {
  return fmt::format("rank {}, lane \"{}\", step {}, turn {}", run.rank, run.lane->name, run.step,
                     run.turn);
}

}  // namespace

bool Machine::fail(std::string fault) {
  if (fault_.empty()) fault_ = std::move(fault);
  return false;
}

bool Machine::fail_at(const LaneRun& run, const std::string& fault) {
  return fail(fmt::format("call {}, {}: {}", calls_, position(run), fault));
}

bool Machine::race(const LaneRun& run, const char* what, const Place& place, const Epoch& with) {
  return fail_at(run, fmt::format("race: {} {} in no order with {}", what, place_name(place),
                                  actors_[with.actor]));
}

// A lane that has not ended and could raise this flag.
const LaneRun* Machine::who_should_raise(const Log& log) const {
  for (const LaneRun& run : runs_) {
    if (run.done) continue;
    // One that is to come to a claim, and has not.
    const bool claims = run.lane->steps[run.step].op == Op::kClaim;
    for (const Step& step : run.lane->steps)
      if (step.op == Op::kClaim && !claims && log.claimers.count != 0 && step.flag == log.flag &&
          run.schedule->peers[step.peers.begin] == log.owner)
        return &run;
    if (run.rank != log.owner) continue;
    for (const Step& step : run.lane->steps)
      if ((step.op == Op::kPut || step.op == Op::kSignal) && step.flag == log.flag) return &run;
  }
  return nullptr;
}

bool Machine::deadlock() {
  const LaneRun* run =
      &*std::find_if(runs_.begin(), runs_.end(), [](const LaneRun& lane) { return !lane.done; });
  std::string text = fmt::format("call {}: deadlock", calls_);
  std::vector<const LaneRun*> seen;
  while (std::find(seen.begin(), seen.end(), run) == seen.end() && seen.size() < 12) {
    seen.push_back(run);
    const Log& log = flags_[run->blocked_on];
    text += fmt::format("; {} waits until flag {} of rank {} is {} (it is {})", position(*run),
                        log.flag, log.owner, run->needs, log.value);
    run = who_should_raise(log);
    if (run == nullptr) return fail(text + ", and nobody is left to raise it");
  }
  return fail(text + "; and so on round");
}

}  // namespace hfreduce::schedule::proving
