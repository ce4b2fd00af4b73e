#include "tune_runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <span>
#include <sstream>

#include "clock.h"
#include "failure.h"
#include "files.h"
#include "statistics.h"

namespace hfreduce::perf {
namespace {

constexpr std::size_t kLeastRounds = 3, kMostRounds = 25;
// After the first rounds, ways that are so much slower than the best are measured no further.
constexpr double kHopeless = 2;
constexpr double kBatchUs = 2000;  // about how long the calls of one sample take

}  // namespace

TuneRunner::TuneRunner(Seat& seat, const Options& options)
    : seat_(seat),
      options_(options),
      progress_(seat.rank == 0),
      info_(parse_tuning_info(info_of(seat.comm.get(), "tuning"))) {
  options_.places = {Placing::kIn};
  double nowhere = seat.rank == 0 && info_.file.empty() ? 1 : 0;
  seat_.gang().maximum(std::span(&nowhere, 1));
  if (info_.ways.empty()) throw Failure("tune: a rank alone has no plans to choose from");
  if (nowhere == 0) return;
  throw Failure(seat.rank != 0 ? ""
                               : "tune: there is no file to keep plans in: HFREDUCE_TUNING is off, "
                                 "or neither it nor XDG_CACHE_HOME nor HOME says where");
}

double TuneRunner::time(const Case& c, const TunedWay& way, int in_a_row) {
  const Call call = call_of(c, seat_, way.name());
  hfreduceComm_t comm = seat_.comm.get();
  seat_.gang().fence();
  const std::int64_t begin = now_ns();
  for (int i = 0; i < in_a_row; ++i) must(make_call(call, comm), comm, name_of(c).c_str());
  return us_since(begin) / in_a_row;
}

// Takes out of the race what is hopeless. Its figure stays: explain tells what the others took.
void TuneRunner::drop_slow(std::vector<Runner>* race, std::vector<TunedWay>* done) {
  double best = race->front().way.us;
  for (const Runner& runner : *race) best = std::min(best, runner.way.us);
  std::erase_if(*race, [&](const Runner& runner) {
    const bool slow = runner.way.us > kHopeless * best;
    if (slow) done->push_back(runner.way);
    return slow;
  });
}

std::vector<TunedWay> TuneRunner::run_one(const Case& c) {
  std::vector<Runner> race;
  for (const TunedWay& way : ways_for(info_, c.pattern.collective, c.bytes))
    race.push_back({way, {}, 0});
  fill(c, seat_, 0);
  for (Runner& runner : race) {
    time(c, runner.way, 2);  // connects, touches its slots
    double once = time(c, runner.way, 2);
    seat_.gang().maximum(std::span(&once, 1));
    runner.in_a_row = static_cast<int>(std::clamp(kBatchUs / once, 1.0, 500.0));
  }
  std::vector<TunedWay> done;
  const std::int64_t began_ns = now_ns();
  for (std::size_t round = 1; round <= kMostRounds; ++round) {
    // Nobody is always behind the same one.
    std::rotate(race.begin(), race.begin() + static_cast<std::ptrdiff_t>(round % race.size()),
                race.end());
    std::vector<double> now;
    for (const Runner& runner : race) now.push_back(time(c, runner.way, runner.in_a_row));
    now.push_back(us_since(began_ns) / 1e6);
    seat_.gang().maximum(now);  // equal on all ranks, so what follows is too
    for (std::size_t i = 0; i < race.size(); ++i) {
      race[i].samples.push_back(now[i]);
      race[i].way.us = spread_of(race[i].samples).median;
    }
    if (round < kLeastRounds) continue;
    drop_slow(&race, &done);
    if (now.back() > options_.cap) break;
  }
  for (const Runner& runner : race) done.push_back(runner.way);
  std::stable_sort(done.begin(), done.end(),
                   [](const TunedWay& a, const TunedWay& b) { return a.us < b.us; });
  return done;
}

std::vector<TunedWay> TuneRunner::run_all() {
  std::vector<Case> all = cases_of(options_, seat_.ranks);
  std::erase_if(all, [](const Case& c) { return c.bytes == 0; });  // done without a plan
  std::vector<TunedWay> ways;
  for (std::size_t i = 0; i < all.size(); ++i) {
    progress_.show(fmt::format("{} of {}: {}", i + 1, all.size(), name_of(all[i])));
    const std::vector<TunedWay> of_case = run_one(all[i]);
    const bool first = ways.empty() || ways.back().collective != of_case.front().collective;
    ways.insert(ways.end(), of_case.begin(), of_case.end());
    if (seat_.rank != 0) continue;
    progress_.clear();
    if (first)
      fmt::print("#\n# {}\n# {:>11}  {:<28} {:>10}   {}\n", name_of(of_case.front().collective),
                 "size (B)", "fastest", "time (us)", "the others at their best");
    fmt::print("{}", tuned_row(of_case));
    std::fflush(stdout);
  }
  return ways;
}

std::string TuneRunner::write(const std::vector<TunedWay>& ways) const {
  const std::filesystem::path file(info_.file);
  std::ostringstream before;
  std::error_code error;
  if (std::filesystem::is_regular_file(file, error)) before << std::ifstream(file).rdbuf();
  error.clear();
  if (file.has_parent_path()) std::filesystem::create_directories(file.parent_path(), error);
  if (error)
    throw Failure(fmt::format("making {}: {}", file.parent_path().string(), error.message()));
  write_file(info_.file, tuning_text(info_, ways, before.str()));
  return info_.file;
}

}  // namespace hfreduce::perf
