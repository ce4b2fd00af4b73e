#include "marks.h"

#include <sys/resource.h>

#include <algorithm>

#include "probe_memory.h"

namespace hfreduce::perf {
namespace {

constexpr std::uint64_t kMarkBytes = 256 << 10;
constexpr int kMarkCopies = 5;

}  // namespace

Mark mark_of(Seat& seat, const Options& options) {
  double figures[2] = {};
  if (options.limits != 0 && seat.team) {
    Team& team = *seat.team;
    team.fence();
    if (team.size() > 1) figures[0] = hand_over_us(team, 0, 1, false);
    if (team.outnumbered()) {
      // Waits for the scheduler are no mark of the machine: the fastest of three, and no copy.
      for (int i = 0; i < 2; ++i) {
        figures[0] = std::min(figures[0], hand_over_us(team, 0, 1, false));
      }
    } else {
      const std::uint64_t bytes = std::min(kMarkBytes, team.arena().header().buffer_bytes);
      figures[1] = copy_us(team, {Collective::kAllReduce, Placing::kOut, 0, bytes}, kMarkCopies);
    }
  }
  seat.gang().maximum(figures);  // everybody labels alike
  return {figures[0], figures[1]};
}

double preemptions() {
  rusage usage;
  return getrusage(RUSAGE_THREAD, &usage) == 0 ? static_cast<double>(usage.ru_nivcsw) : 0;
}

}  // namespace hfreduce::perf
