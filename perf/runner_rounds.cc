// Rounds: how many there are, on what machine each ran, and which of them make the figures.
#include <algorithm>

#include "clock.h"
#include "marks.h"
#include "runner.h"

namespace hfreduce::perf {
namespace {

constexpr std::size_t kRounds = 4;  // at least, and exactly where the number of calls is given
constexpr std::size_t kMostRounds = 200;

template <typename Values>
void append(Values& to, const Values& more) {
  to.insert(to.end(), more.begin(), more.end());
}

}  // namespace

bool Runner::enough(const std::vector<Round>& rounds, std::int64_t began_ns) {
  if (rounds.size() < kRounds) return false;
  if (options_.iterations > 0 || options_.tight <= 0 || rounds.size() >= kMostRounds) return true;
  Line so_far;
  conclude(rounds, so_far);
  double loosest = looseness(so_far.time);
  for (const PeerFigure& peer : so_far.peers) {
    if (peer.known) loosest = std::max(loosest, looseness(peer.time));
  }
  // Rank 0 knows of other libraries, and clocks differ: the most of all ranks decides for all.
  double most[] = {loosest, us_since(began_ns) / 1e6};
  seat_.gang().maximum(most);
  return most[0] <= options_.tight / 100 || most[1] >= options_.cap;
}

std::vector<Runner::Round> Runner::run_rounds(const Case& c, Line& line) {
  const auto calls = static_cast<std::size_t>(timed_calls(options_, c.bytes));
  std::vector<Round> rounds;
  const std::int64_t began_ns = now_ns();
  Mark before = mark_of(seat_, options_);
  do {
    const std::size_t done = rounds.size() % kRounds;
    const int share = static_cast<int>(calls * (done + 1) / kRounds - calls * done / kRounds);
    Round& round = rounds.emplace_back();
    fill(c, seat_, 0);  // in place the sums would grow and grow
    if (share > 0) {
      warm_up(c, kRoundWarmUp);  // the probes, or another library, have had the caches
      const double before_calls = preemptions();
      time_calls(c, share, round.samples);
      round.preempted = preemptions() - before_calls;
      line.algorithm = algorithm_of(seat_.comm.get());
      const bool look = line.checked && c.place == Placing::kOut;
      if (look) line.wrong += tell_wrong(c, seat_, look_at_output(c, seat_, 0), progress_);
      if (options_.limits != 0) probe(c, share, round.samples);
      let_peers([&](Peers& peers) { peers.run(request_of(c, share)); });
    }
    seat_.gang().maximum(round.samples.calls);
    seat_.gang().maximum(std::span(&round.preempted, 1));
    const Mark after = mark_of(seat_, options_);
    round.bracket = {before, after};
    before = after;
  } while (!enough(rounds, began_ns));
  return rounds;
}

void Runner::conclude(const std::vector<Round>& rounds, Line& line) {
  std::vector<Bracket> brackets;
  std::vector<Round> full;
  for (const Round& round : rounds) {
    if (round.samples.calls.empty()) continue;  // fewer calls than rounds
    brackets.push_back(round.bracket);
    full.push_back(round);
  }
  const Kept kept = same_label(brackets);
  std::vector<std::vector<double>> calls;
  Samples all;
  double preempted = 0;
  std::size_t timed = 0;
  for (std::size_t i = 0; i < full.size(); ++i) {
    if (!kept.rounds[i]) continue;
    const Samples& s = full[i].samples;
    calls.push_back(s.calls);
    preempted += full[i].preempted;
    timed += s.calls.size();
    append(all.copies, s.copies);
    append(all.staged, s.staged);
    append(all.hand_overs, s.hand_overs);
    append(all.turns, s.turns);
    append(all.sockets, s.sockets);
    append(all.small_messages, s.small_messages);
  }
  line.time = spread_of_rounds(calls);
  line.rounds = static_cast<int>(full.size());
  line.rounds_kept = static_cast<int>(calls.size());
  line.preempted = static_cast<int>(preempted);
  // Ranks that share cores take them from one another.
  const bool crowded = seat_.shape.local > seat_.shape.cores;
  line.noisy = (options_.limits != 0 && kept.noisy()) ||
               (!crowded && preempted * 100 > static_cast<double>(timed));
  if (peers_) line.peers = peers_->figures(kept.rounds);
  const Floor floor = floor_of_rounds(all);
  line.limit_us = floor.us;
  line.limit_by = floor.by;
  line.staged_us = spread_of(all.staged).median;
}

Floor Runner::floor_of_rounds(const Samples& samples) {
  // Where ranks share cores only the fastest hand-over was one and not a wait for the scheduler.
  const bool crowded = seat_.shape.local > seat_.shape.cores;
  const Spread hand_overs = spread_of(samples.hand_overs);
  Measured measured{spread_of(samples.copies).median, crowded ? hand_overs.min : hand_overs.median,
                    spread_of(samples.turns).min, spread_of(samples.sockets).median,
                    spread_of(samples.small_messages).median};
  // Hosts differ: the slowest one sets the limit.
  double figures[] = {measured.copy, measured.hand_over, measured.turn};
  seat_.gang().maximum(figures);
  measured.copy = figures[0];
  measured.hand_over = figures[1];
  measured.turn = figures[2];
  return floor_of(seat_.shape, measured);
}

}  // namespace hfreduce::perf
