// What a case consists of: calls that are timed, probes of the machine, calls that are checked.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "clock.h"
#include "failure.h"
#include "probe_staged.h"
#include "runner.h"

namespace hfreduce::perf {

Repeated Runner::repeated(const Case& c) const {
  return Repeated(call_of(c, seat_, options_.algorithm), seat_.comm.get(), options_.persistent);
}

void Runner::time_calls(const Case& c, int calls, Samples& samples) {
  if (timing_of(seat_, c.bytes) == Timing::kBackToBack) return time_back_to_back(c, calls, samples);
  const Repeated call = repeated(c);
  for (int i = 0; i < calls; ++i) {
    seat_.gang().fence();
    const std::int64_t begin = now_ns();
    const hfreduceResult_t result = call();
    const double us = us_since(begin);
    if (result != hfreduceSuccess) must(result, seat_.comm.get(), name_of(c).c_str());
    samples.calls.push_back(us);
  }
}

void Runner::warm_up(const Case& c, int calls) {
  Samples untimed;
  time_calls(c, calls, untimed);
}

PeerRequest Runner::request_of(const Case& c, int calls) const {
  PeerRequest request;
  request.collective = c.pattern.collective;
  request.type = c.pattern.type;
  request.op = c.pattern.op;
  request.root = c.pattern.root;
  request.count = c.bytes / c.pattern.type->size;
  request.iterations = calls;
  request.place = c.place;
  request.in_a_row = timing_of(seat_, c.bytes) == Timing::kBackToBack;
  request.warm_up = kRoundWarmUp;
  return request;
}

// Rank 0 speaks with them while the others sleep, so that the cores are theirs.
void Runner::let_peers(const std::function<void(Peers&)>& what) {
  if (!comparing_) return;
  if (peers_) {
    progress_.clear();
    what(*peers_);
  }
  if (seat_.team) seat_.team->fence_asleep();
}

void Runner::time_back_to_back(const Case& c, int calls, Samples& samples) {
  const Repeated call = repeated(c);
  const int batches = std::clamp(calls / 4, 1, 10);
  const int in_a_row = std::max(1, calls / batches);
  for (int batch = 0; batch < batches; ++batch) {
    seat_.gang().fence();
    const std::int64_t begin = now_ns();
    for (int i = 0; i < in_a_row; ++i) {
      const hfreduceResult_t result = call();
      if (result != hfreduceSuccess) must(result, seat_.comm.get(), name_of(c).c_str());
    }
    samples.calls.push_back(us_since(begin) / in_a_row);
  }
}

Traffic Runner::traffic_of(const Case& c) const {
  Traffic traffic{c.pattern.collective, c.place, 0, c.bytes};
  if (seat_.hosts == 1) traffic.root = c.pattern.root;
  return traffic;
}

void Runner::probe(const Case& c, int calls, Samples& samples) {
  const int times = std::clamp(calls / 4, 5, 50);
  if (seat_.team) {
    Team& team = *seat_.team;
    team.fence();  // nobody is inside a call any more
    const bool idle = team.size() == 1 && c.place == Placing::kIn;  // nothing need be done at all
    if (!idle) samples.copies.push_back(copy_us(team, traffic_of(c), times));
    // Several ways each time, so fewer times.
    if (staged_)
      samples.staged.push_back(staged_us(team, *staged_, traffic_of(c), std::max(3, times / 4)));
    if (team.size() > 1) samples.hand_overs.push_back(hand_over_us(team, 0, 1, false));
    if (team.outnumbered()) {
      samples.turns.push_back(hand_over_us(team, 0, seat_.shape.cores, true));
    }
    team.fence();
  }
  if (ring_) {
    const std::uint64_t wire = wire_bytes(c.pattern.collective, seat_.hosts, c.bytes);
    // A broadcast goes from the root's host to the last one after it.
    const bool chain = c.pattern.collective == Collective::kBroadcast;
    const std::uint64_t out = chain && seat_.host == seat_.hosts - 1 ? 0 : wire;
    const std::uint64_t in = chain && seat_.host == 0 ? 0 : wire;
    samples.sockets.push_back(ring_->exchange_us(seat_, out, in, std::min(times, 10)));
    samples.small_messages.push_back(ring_->exchange_us(seat_, 8, 8, 5));
  }
}

Wrong Runner::check_once(const Case& c, std::uint64_t salt) {
  fill(c, seat_, salt);
  must(repeated(c)(), seat_.comm.get(), name_of(c).c_str());
  return look_at_output(c, seat_, salt);
}

}  // namespace hfreduce::perf
