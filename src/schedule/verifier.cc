#include "schedule/verifier.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <memory>

#include "schedule/proving/claims.h"
#include "schedule/proving/legality.h"
#include "schedule/proving/machine.h"

namespace hfreduce::schedule {
namespace {

bool same(const Layout& a, const Layout& b) {
  return a.chunks == b.chunks && a.flags == b.flags && a.hops == b.hops &&
         std::equal(a.areas.begin(), a.areas.end(), b.areas.begin(), b.areas.end(),
                    [](const Area& x, const Area& y) {
                      return x.slots == y.slots && x.unit == y.unit && x.chunks == y.chunks &&
                             x.flag == y.flag;
                    });
}

// The schedules of all ranks for one root, or what is wrong with them.
std::string emit(const Subject& subject, std::int32_t root, std::vector<Schedule>* schedules) {
  for (std::int32_t rank = 0; rank < subject.placement->ranks(); ++rank) {
    const Schedule& schedule = schedules->emplace_back(subject.schedule(rank, root));
    if (schedule.rank != rank) return fmt::format("rank {}'s schedule is another rank's", rank);
    if (!same(schedule.layout, schedules->front().layout))
      return fmt::format("ranks 0 and {} disagree on the layout", rank);
    if (auto wrong = proving::illegal(schedule, *subject.placement); !wrong.empty()) return wrong;
  }
  if (auto wrong = proving::lopsided(*schedules, *subject.placement); !wrong.empty()) return wrong;
  return proving::claims_differ(*schedules);
}

}  // namespace

Verdict verify(const Subject& subject, std::span<const Call> calls) {
  Verdict verdict;
  if (subject.placement->ranks() == 1) {  // copying a lone rank's data is not a schedule's business
    if (!subject.schedule(0, 0).lanes.empty()) verdict.fault = "a lone rank has something to do";
    verdict.races_excluded = true;
    return verdict;
  }
  std::int32_t most_segments = 1;
  for (const Call& call : calls) most_segments = std::max(most_segments, call.segments);

  // Kept to the end: what was raised in one call is seen in later ones.
  std::deque<std::vector<Schedule>> loaded;
  std::unique_ptr<proving::Machine> machine;
  std::int32_t root = -1;
  for (const Call& call : calls) {
    if (const std::int32_t wanted = subject.reduces ? 0 : call.root; wanted != root) {
      root = wanted;
      verdict.fault = emit(subject, root, &loaded.emplace_back());
      if (verdict.ok() && !same(loaded.back().front().layout, loaded.front().front().layout))
        verdict.fault = fmt::format("the layout for root {} is another one", root);
      if (!verdict.ok()) return verdict;
      if (!machine)
        machine = std::make_unique<proving::Machine>(subject, loaded.front().front().layout,
                                                     most_segments);
      machine->load(loaded.back());
    }
    if (!machine->run(call)) break;
  }
  if (!machine) return verdict;
  if (machine->fault().empty()) machine->retire(most_segments);
  verdict.fault = machine->fault();
  verdict.races_excluded = machine->has_clocks();
  verdict.steps = machine->steps();
  return verdict;
}

}  // namespace hfreduce::schedule
