#include "overlap_runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "clock.h"
#include "failure.h"
#include "marks.h"

namespace hfreduce::perf {
namespace {

constexpr std::size_t kRounds = 4, kMostRounds = 200;
constexpr int kCalibrations = 9, kAttempts = 5;
constexpr double kFirstUs = 20, kNearEnough = 1.25;

void put_about(Line& about, const Case& c, const Seat& seat, bool checked) {
  about.collective = c.pattern.collective;
  about.type = c.pattern.type;
  about.op = c.pattern.op;
  about.root = c.pattern.collective == Collective::kBroadcast ? c.pattern.root : -1;
  about.ranks = seat.ranks;
  about.hosts = seat.hosts;
  about.bytes = c.bytes;
  about.place = c.place;
  about.checked = checked;
}

}  // namespace

Cores OverlapRunner::cores() const {
  const int threads = seat_.launched ? 1 : std::max(1, options_.threads);
  return {seat_.machine_cores, seat_.machine_ranks, seat_.machine_ranks / threads};
}

void OverlapRunner::make(Kind kind, const Case& c) {
  if (kind == kComputation) return work_.run(steps_);
  hfreduceComm_t comm = seat_.comm.get();
  hfreduceRequest_t request = nullptr;
  hfreduceResult_t result = start_call(call_of(c, seat_, options_.algorithm), comm, &request);
  if (result == hfreduceSuccess && kind == kBoth) work_.run(steps_);
  if (result == hfreduceSuccess) result = hfreduceRequestWait(request);
  if (request != nullptr) hfreduceRequestFree(request);
  if (result != hfreduceSuccess) must(result, comm, name_of(c).c_str());
}

double OverlapRunner::time(Kind kind, const Case& c, int in_a_row) {
  seat_.gang().fence();
  const std::int64_t begin = now_ns();
  for (int i = 0; i < in_a_row; ++i) make(kind, c);
  return us_since(begin) / in_a_row;
}

void OverlapRunner::calibrate(const Case& c) {
  const int in_a_row = timing_of(seat_, c.bytes) == Timing::kFenced ? 1 : 4;
  if (steps_per_us_ == 0) steps_per_us_ = work_.steps_per_us();
  steps_ = static_cast<std::uint64_t>(std::max(1.0, kFirstUs * steps_per_us_));
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    std::vector<double> samples[kKinds];
    for (int i = 0; i < kCalibrations; ++i) {
      for (const Kind kind : {kComputation, kCollective}) {
        samples[kind].push_back(time(kind, c, in_a_row));
      }
    }
    for (std::vector<double>& of_kind : samples) seat_.gang().maximum(of_kind);
    // Of the slowest rank, so where ranks share cores it takes longer than a core alone would tell.
    const double took = spread_of(samples[kComputation]).median;
    const double factor = spread_of(samples[kCollective]).median / std::max(took, 1e-3);
    steps_ = static_cast<std::uint64_t>(std::max(1.0, static_cast<double>(steps_) * factor + 0.5));
    if (attempt > 0 && factor > 1 / kNearEnough && factor < kNearEnough) return;
  }
}

std::vector<OverlapRunner::Round> OverlapRunner::run_rounds(const Case& c) {
  const bool fenced = timing_of(seat_, c.bytes) == Timing::kFenced;
  const int calls = std::max(1, timed_calls(options_, c.bytes) / static_cast<int>(kRounds));
  const int batches = fenced ? calls : std::clamp(calls / 4, 1, 10);
  std::vector<Round> rounds;
  const std::int64_t began_ns = now_ns();
  Mark before = mark_of(seat_, options_);
  do {
    Round& round = rounds.emplace_back();
    fill(c, seat_, 0);  // in place the sums would grow and grow
    for (int batch = 0; batch < batches; ++batch) {
      for (const Kind kind : {kComputation, kCollective, kBoth}) {
        round.samples[kind].push_back(time(kind, c, fenced ? 1 : std::max(1, calls / batches)));
      }
    }
    for (std::vector<double>& samples : round.samples) seat_.gang().maximum(samples);
    const Mark after = mark_of(seat_, options_);
    round.bracket = {before, after};
    before = after;
  } while (!enough(rounds, began_ns));
  return rounds;
}

bool OverlapRunner::enough(const std::vector<Round>& rounds, std::int64_t began_ns) {
  if (rounds.size() < kRounds) return false;
  if (options_.iterations > 0 || options_.tight <= 0 || rounds.size() >= kMostRounds) return true;
  OverlapLine so_far;
  conclude(rounds, so_far);
  double most[] = {std::max(looseness(so_far.collective), looseness(so_far.both)),
                   us_since(began_ns) / 1e6};
  seat_.gang().maximum(most);  // clocks differ: the most of all ranks decides for all
  return most[0] <= options_.tight / 100 || most[1] >= options_.cap;
}

void OverlapRunner::conclude(const std::vector<Round>& rounds, OverlapLine& line) const {
  std::vector<Bracket> brackets;
  for (const Round& round : rounds) brackets.push_back(round.bracket);
  const Kept kept = same_label(brackets);
  std::vector<std::vector<double>> samples[kKinds];
  for (std::size_t i = 0; i < rounds.size(); ++i) {
    if (!kept.rounds[i]) continue;
    for (int kind = 0; kind < kKinds; ++kind) samples[kind].push_back(rounds[i].samples[kind]);
  }
  line.computation = spread_of_rounds(samples[kComputation]);
  line.collective = spread_of_rounds(samples[kCollective]);
  line.both = line.about.time = spread_of_rounds(samples[kBoth]);
  line.about.rounds = static_cast<int>(rounds.size());
  line.about.rounds_kept = static_cast<int>(samples[kBoth].size());
  line.about.noisy = options_.limits != 0 && kept.noisy();
}

OverlapLine OverlapRunner::run_one(const Case& c) {
  OverlapLine line;
  put_about(line.about, c, seat_, options_.checks > 0);
  fill(c, seat_, 0);
  const int warm_up = warm_up_calls(options_, c.bytes);
  for (int i = 0; i < warm_up; ++i) make(kCollective, c);
  line.about.algorithm = algorithm_of(seat_.comm.get());  // ranks may meet by calls of their own
  calibrate(c);
  conclude(run_rounds(c), line);
  for (int check = 1; check <= options_.checks; ++check) {
    const auto salt = static_cast<std::uint64_t>(check);
    fill(c, seat_, salt);
    make(kBoth, c);
    line.about.wrong += tell_wrong(c, seat_, look_at_output(c, seat_, salt), progress_);
  }
  return line;
}

std::vector<OverlapLine> OverlapRunner::run_all() {
  const std::vector<Case> all = cases_of(options_, seat_.ranks);
  std::vector<OverlapLine> lines;
  for (const Case& c : all) {
    progress_.show(fmt::format("{} of {}: {}", lines.size() + 1, all.size(), name_of(c)));
    const bool first = lines.empty() || lines.back().about.collective != c.pattern.collective;
    lines.push_back(run_one(c));
    if (seat_.rank != 0) continue;
    progress_.clear();
    if (first) fmt::print("#\n# {}\n{}", name_of(c.pattern.collective), overlap_titles());
    fmt::print("{}", overlap_row(lines.back()));
    std::fflush(stdout);
  }
  return lines;
}

}  // namespace hfreduce::perf
