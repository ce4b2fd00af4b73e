#include "timeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

namespace hfreduce::sched {
namespace {

using schedule::Op;
using schedule::Step;

constexpr std::int32_t kNone = -1;

struct Raise {
  std::uint64_t value = 0;
  double arrives = 0;
  std::int32_t box = kNone;
};

// A put whose source may be used again from `left` on.
struct Sent {
  std::uint64_t tick = 0;
  double left = 0;
  std::int32_t box = kNone;
};

// What one rank has raised, as one other sees it.
struct Log {
  std::vector<Raise> raises;  // values and times only grow
  std::vector<Sent> sent;
};

struct LaneState {
  std::int32_t rank = 0, lane = 0;
  const schedule::Schedule* schedule = nullptr;
  // Where it is, as in schedule/proving/machine.cc.
  std::int32_t turn = 0;
  std::size_t step = 0, repeat = 0;
  std::uint32_t k = 0;
  bool done = false;
  bool claimed = false;  // its share of the claim that it is at: it waits for the others
  double ready = 0;      // its last step's end
  std::int32_t last = kNone;

  const std::vector<Step>& steps() const {
    return schedule->lanes[static_cast<std::size_t>(lane)].steps;
  }
  const Step& now() const { return steps()[step]; }
  std::int32_t segment() const { return turn - now().skew; }
  bool waits() const {
    return now().op == Op::kWait || now().op == Op::kDrain || (now().op == Op::kClaim && claimed);
  }
};

// When a lane's next step may begin, or its wait ends, and why not earlier.
struct Candidate {
  double at = 0;
  std::int32_t cause = kNone;
  const Raise* raise = nullptr;  // the last one that a wait needs
};

class Simulation {
 public:
  explicit Simulation(const Run& run) : run_(run), free_(run.schedules->size()) {
    for (const auto& schedule : *run.schedules) {
      for (std::size_t lane = 0; lane < schedule.lanes.size(); ++lane) {
        lanes_.push_back({.rank = schedule.rank,
                          .lane = static_cast<std::int32_t>(lane),
                          .schedule = &schedule});
        lanes_.back().done = lanes_.back().steps().empty();
        settle(lanes_.back());
      }
    }
  }

  Timeline go() {
    for (;;) {
      LaneState* next = nullptr;
      Candidate best;
      bool left = false;
      for (LaneState& lane : lanes_) {
        if (lane.done) continue;
        left = true;
        const auto candidate = candidate_of(lane);
        if (!candidate) continue;
        // Of a rank's lanes that may go on at once, the one that has waited longest.
        if (next != nullptr &&
            std::pair(candidate->at, lane.ready) >= std::pair(best.at, next->ready))
          continue;
        next = &lane;
        best = *candidate;
      }
      if (next == nullptr) {
        if (left) time_.fault = "the schedule comes to a halt: lanes wait for each other";
        break;
      }
      if (time_.boxes.size() == run_.most_boxes) {
        time_.fault = fmt::format("more than {} steps are no picture; fewer ranks or segments are",
                                  run_.most_boxes);
        break;
      }
      execute(*next, best);
      if (next->now().op == Op::kClaim && !std::exchange(next->claimed, !next->claimed)) continue;
      ++next->step;
      settle(*next);
    }
    if (time_.fault.empty()) mark_critical_path();
    return std::move(time_);
  }

 private:
  struct Free {
    double at = 0;
    std::int32_t box = kNone;
  };

  // Moves on to the next step that acts, over the ends of repeats and turns.
  void settle(LaneState& lane) const {
    const auto& steps = lane.steps();
    while (!lane.done) {
      if (lane.repeat > 0 && lane.step >= lane.repeat + steps[lane.repeat - 1].body) {
        if (++lane.k < steps[lane.repeat - 1].count) {
          lane.step = lane.repeat;
        } else {
          lane.k = 0;
          lane.repeat = 0;
        }
        continue;
      }
      if (lane.step == steps.size()) {
        lane.step = 0;
        const auto& of = lane.schedule->lanes[static_cast<std::size_t>(lane.lane)];
        lane.done = ++lane.turn == run_.segments + of.skew;
        continue;
      }
      const bool acts = lane.segment() >= 0 && lane.segment() < run_.segments;
      if (lane.now().op != Op::kRepeat) {
        if (acts && acts_in(lane.now(), static_cast<std::uint64_t>(lane.segment()))) return;
        ++lane.step;
      } else if (acts && lane.now().count > 0) {
        lane.repeat = ++lane.step;
      } else {
        lane.step += lane.now().body + 1;
      }
    }
  }

  std::uint64_t tick_of(const LaneState& lane) const {
    return lane.now().tick.at(static_cast<std::uint64_t>(lane.segment()), lane.k);
  }

  Log& log(std::int32_t owner, std::uint16_t flag, std::int32_t seer) {
    return logs_[{owner, flag, seer}];
  }

  std::optional<Candidate> candidate_of(LaneState& lane) {
    const Step& step = lane.now();
    Candidate candidate{.at = lane.ready, .cause = lane.last};
    if (lane.waits() && step.op != Op::kDrain) return after_raises(lane, candidate);
    if (step.op == Op::kDrain) return after_sending(lane, candidate);
    const Free& free = free_[static_cast<std::size_t>(lane.rank)];
    if (free.at > candidate.at) candidate = {.at = free.at, .cause = free.box};
    return candidate;
  }

  std::optional<Candidate> after_raises(const LaneState& lane, Candidate candidate) {
    const Step& step = lane.now();
    const std::uint64_t value = tick_of(lane) + 1;
    if (value <= step.lag) return candidate;
    for (std::uint32_t i = 0; i < step.peers.count; ++i) {
      const Raise* raise = raise_for(lane, i);
      if (raise == nullptr) return std::nullopt;
      if (raise->arrives > candidate.at)
        candidate = {.at = raise->arrives, .cause = raise->box, .raise = raise};
    }
    return candidate;
  }

  // The one that the wait needs of its i-th peer; nullptr: not raised yet, or none is needed.
  const Raise* raise_for(const LaneState& lane, std::uint32_t i) {
    const Step& step = lane.now();
    const std::uint64_t value = tick_of(lane) + 1;
    if (value <= step.lag) return nullptr;
    const auto& raises =
        log(lane.schedule->peers[step.peers.begin + i], step.flag, lane.rank).raises;
    const auto found = std::lower_bound(
        raises.begin(), raises.end(), value - step.lag,
        [](const Raise& raise, std::uint64_t needed) { return raise.value < needed; });
    return found == raises.end() ? nullptr : &*found;
  }

  Candidate after_sending(const LaneState& lane, Candidate candidate) {
    const Step& step = lane.now();
    const std::uint64_t after = tick_of(lane) + 1;
    const auto& sent = log(lane.rank, step.flag, lane.schedule->peers[step.peers.begin]).sent;
    for (auto put = sent.rbegin(); put != sent.rend(); ++put) {
      if (put->tick + step.lag >= after) continue;
      if (put->left > candidate.at) candidate = {.at = put->left, .cause = put->box};
      break;
    }
    return candidate;
  }

  void execute(LaneState& lane, const Candidate& candidate) {
    const Step& step = lane.now();
    const auto number = static_cast<std::int32_t>(time_.boxes.size());
    Box box{.rank = lane.rank,
            .lane = lane.lane,
            .step = static_cast<std::uint32_t>(lane.step),
            .segment = lane.segment(),
            .k = lane.k,
            .begin = candidate.at,
            .end = candidate.at,
            .cause = candidate.cause};
    if (lane.waits()) {
      box.begin = lane.ready;
      box.waits = true;
      time_.boxes.push_back(box);
      if (step.op != Op::kDrain) draw_arrows(lane, candidate, number);
    } else {
      box.bytes = bytes_of(lane);
      box.end =
          box.begin + run_.costs.mapped_step + run_.costs.mapped_byte * box.bytes * passes(lane);
      time_.boxes.push_back(box);
      free_[static_cast<std::size_t>(lane.rank)] = {box.end, number};
      if (step.op == Op::kReduce || step.op == Op::kClaim) count_bytes(lane, box.bytes);
      if (step.op != Op::kReduce) raise(lane, box, number);
    }
    lane.ready = box.end;
    lane.last = number;
    time_.length = std::max(time_.length, box.end);
  }

  double bytes_of(const LaneState& lane) const {
    if (lane.now().op == Op::kSignal) return 0;
    const double chunk = run_.bytes / run_.segments / lane.schedule->layout.chunks;
    // Who claims most is not known: each an equal share.
    const double share = lane.now().op == Op::kClaim ? lane.now().peers.count : 1;
    return chunk * lane.now().chunks.count / share;
  }

  // How often the rank itself touches each byte: a put over a posted link is the link's work.
  double passes(const LaneState& lane) const {
    const Step& step = lane.now();
    if (step.op == Op::kReduce || step.op == Op::kClaim)
      return double(step.sources.count) + double(step.destinations.count);
    if (step.op != Op::kPut) return 0;
    return run_.placement->mapped(lane.rank, lane.schedule->peers[step.peers.begin]) ? 2 : 0;
  }

  void count_bytes(const LaneState& lane, double bytes) {
    const Step& step = lane.now();
    const auto* places = lane.schedule->places.data();
    for (std::uint32_t i = 0; i < step.sources.count; ++i)
      if (const auto owner = places[step.sources.begin + i].owner; owner != lane.rank)
        time_.bytes[{owner, lane.rank}] += bytes;
    for (std::uint32_t i = 0; i < step.destinations.count; ++i)
      if (const auto owner = places[step.destinations.begin + i].owner; owner != lane.rank)
        time_.bytes[{lane.rank, owner}] += bytes;
  }

  void raise(const LaneState& lane, const Box& box, std::int32_t number) {
    const Step& step = lane.now();
    const std::uint64_t tick = tick_of(lane);
    for (std::uint32_t i = 0; i < step.peers.count; ++i) {
      const std::int32_t peer = lane.schedule->peers[step.peers.begin + i];
      Log& seen = log(lane.rank, step.flag, peer);
      double left = box.end, arrives = box.end;
      if (!run_.placement->mapped(lane.rank, peer)) {
        double& taken = taken_[{lane.rank, peer}];
        left = taken = std::max(taken, box.end) + run_.costs.posted_byte * box.bytes;
        arrives = left + run_.costs.posted_step;
      }
      if (step.op == Op::kPut) {
        seen.sent.push_back({tick, left, number});
        if (peer != lane.rank) time_.bytes[{lane.rank, peer}] += box.bytes;
      }
      seen.raises.push_back({tick + 1, arrives, number});
    }
  }

  // One for each raise that the wait needed and that this lane had not seen; the last one let it
  // go.
  void draw_arrows(const LaneState& lane, const Candidate& candidate, std::int32_t number) {
    for (std::uint32_t i = 0; i < lane.now().peers.count; ++i) {
      const Raise* raise = raise_for(lane, i);
      if (raise == nullptr || !seen_.insert({raise->box, lane.rank, lane.lane}).second) continue;
      const std::int32_t from = time_.boxes[static_cast<std::size_t>(raise->box)].rank;
      if (raise == candidate.raise)
        time_.boxes.back().arrow = static_cast<std::int32_t>(time_.arrows.size());
      time_.arrows.push_back({.from = raise->box,
                              .to = number,
                              .arrives = raise->arrives,
                              .posted = !run_.placement->mapped(from, lane.rank),
                              .credit = lane.now().lag > 0});
    }
  }

  // Back from what ended last, always to what held it up.
  void mark_critical_path() {
    std::int32_t at = kNone;
    for (std::size_t i = 0; i < time_.boxes.size(); ++i)
      if (time_.boxes[i].end >= time_.length) at = static_cast<std::int32_t>(i);
    while (at != kNone) {
      Box& box = time_.boxes[static_cast<std::size_t>(at)];
      box.critical = true;
      if (!box.waits) {
        ++time_.critical_steps;
        time_.in_steps += box.end - box.begin;
      }
      if (box.arrow != kNone) time_.arrows[static_cast<std::size_t>(box.arrow)].critical = true;
      at = box.cause;
    }
  }

  const Run& run_;
  Timeline time_;
  std::vector<LaneState> lanes_;
  std::vector<Free> free_;  // by rank: when its last step ends
  std::map<std::tuple<std::int32_t, std::uint16_t, std::int32_t>, Log> logs_;
  std::map<std::pair<std::int32_t, std::int32_t>, double> taken_;  // posted links, until when
  std::set<std::tuple<std::int32_t, std::int32_t, std::int32_t>> seen_;
};

}  // namespace

Timeline time_of(const Run& run) { return Simulation(run).go(); }

}  // namespace hfreduce::sched
