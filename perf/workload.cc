#include "workload.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <thread>
#include <utility>
#include <vector>

#include "csv.h"
#include "failure.h"
#include "files.h"
#include "noise.h"
#include "overlap_runner.h"
#include "plot.h"
#include "runner.h"
#include "seat.h"
#include "tune_runner.h"

namespace hfreduce::perf {
namespace {

// Each file that was asked for: one that cannot be written does not take the others with it.
// Whether all are there.
bool write_files(const Options& options, const Facts& facts, const std::vector<Record>& records,
                 const std::vector<Line>& lines) {
  const std::pair<const std::string&, std::function<std::string()>> files[] = {
      {options.json, [&] { return json_text(options, facts, records); }},
      {options.csv, [&] { return csv_text(records); }},
      {options.plot, [&] { return plot_svg(facts, lines); }},
  };
  bool all = true;
  for (const auto& [path, text] : files) {
    if (path.empty()) continue;
    try {
      write_file(path, text());
    } catch (const Failure& failure) {
      complain(failure.what());
      all = false;
    }
  }
  return all;
}

int against_baseline(const Options& options, const std::vector<Line>& lines) {
  const auto is = [&](Against::Verdict verdict) {
    return [verdict](const Line& line) { return line.against.verdict == verdict; };
  };
  if (std::all_of(lines.begin(), lines.end(), is(Against::Verdict::kUnknown))) {
    complain(fmt::format("--baseline {}: has none of the cases of this run", options.baseline));
    return kExitFailed;
  }
  const bool slower = std::any_of(lines.begin(), lines.end(), is(Against::Verdict::kSlower));
  return slower ? kExitSlower : 0;
}

bool results_printed() {
  const bool printed = std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
  if (!printed)
    complain(fmt::format("writing the results to standard output: {}", std::strerror(errno)));
  return printed;
}

// Wrong results give the same status on every rank, since every rank knows every line; the rest is
// rank 0's to tell.
int finish(const Options& options, const Facts& facts, const std::vector<Line>& lines, bool reports,
           bool peers_lost) {
  const bool wrong =
      std::any_of(lines.begin(), lines.end(), [](const Line& l) { return l.wrong > 0; });
  if (!reports) return wrong ? kExitFailed : 0;
  const double tight = options.iterations > 0 ? 0 : options.tight;
  fmt::print("#\n{}{}", table_foot(lines, options.baseline), noise_summary(lines, tight));
  const bool printed = results_printed();
  const bool written = write_files(options, facts, records_of(lines), lines);
  if (wrong || peers_lost || !printed || !written) return kExitFailed;
  return options.baseline.empty() ? 0 : against_baseline(options, lines);
}

int measure_overlap(Seat& seat, const Options& options) {
  OverlapRunner runner(seat, options);
  const Facts facts = facts_of(seat, options.persistent);
  const Cores cores = runner.cores();
  if (seat.rank == 0) fmt::print("{}{}", run_head(facts), overlap_head(cores));
  const std::vector<OverlapLine> lines = runner.run_all();
  seat.gang().fence();  // nobody leaves while another is in a call
  std::vector<Line> about;
  for (const OverlapLine& line : lines) about.push_back(line.about);
  const bool wrong =
      std::any_of(about.begin(), about.end(), [](const Line& l) { return l.wrong > 0; });
  if (seat.rank != 0) return wrong ? kExitFailed : 0;
  const double tight = options.iterations > 0 ? 0 : options.tight;
  fmt::print("#\n{}{}", overlap_foot(lines), noise_summary(about, tight));
  const bool printed = results_printed();
  const bool written = write_files(options, facts, overlap_records(cores, lines), about);
  return wrong || !printed || !written ? kExitFailed : 0;
}

int measure_plans(Seat& seat, const Options& options) {
  TuneRunner runner(seat, options);
  if (seat.rank == 0) fmt::print("{}", run_head(facts_of(seat, options.persistent)));
  const std::vector<TunedWay> ways = runner.run_all();
  seat.gang().fence();  // nobody leaves while another is in a call
  if (seat.rank != 0) return 0;
  const std::string file = runner.write(ways);
  fmt::print("#\n# Kept in {}: communicators of this shape use it from now on\n", file);
  return results_printed() ? 0 : kExitFailed;
}

int measure(Seat& seat, const Options& options) {
  if (options.overlap) return measure_overlap(seat, options);
  if (options.tune) return measure_plans(seat, options);
  Runner runner(seat, options);
  const bool reports = seat.rank == 0;
  const Facts facts = facts_of(seat, options.persistent);
  if (reports) fmt::print("{}", run_head(facts));
  const std::vector<Line> lines = runner.run_all();
  seat.gang().fence();  // nobody leaves while another is in a call
  return finish(options, facts, lines, reports, runner.peers_lost());
}

int run_rank(const Options& options, const Arena& arena, int rank) {
  int status = kExitFailed;
  try {
    Seat seat = join_local(arena, rank, options);
    status = measure(seat, options);
  } catch (const Failure& failure) {
    if (*failure.what() != '\0')  // else another rank has the sentence
      complain(fmt::format("rank {}: {}", rank, failure.what()));
    status = failure.exit_status();
  } catch (const std::exception& error) {
    complain(fmt::format("rank {}: {}", rank, error.what()));
  }
  if (status != 0) {
    std::uint32_t nobody = 0;
    arena.header().failed.compare_exchange_strong(nobody, static_cast<std::uint32_t>(rank) + 1);
  }
  return status;
}

}  // namespace

std::uint64_t buffer_bytes(const Options& options) {
  return std::max<std::uint64_t>(options.sweep.last, 64) + options.offset;
}

int run_local(const Options& options, const Arena& arena, int first, int threads) {
  std::vector<int> status(static_cast<std::size_t>(threads), kExitFailed);
  std::vector<std::thread> others;
  for (int t = 1; t < threads; ++t) {
    others.emplace_back(
        [&, t] { status[static_cast<std::size_t>(t)] = run_rank(options, arena, first + t); });
  }
  status[0] = run_rank(options, arena, first);
  for (std::thread& other : others) other.join();
  const auto bad = std::find_if(status.begin(), status.end(), [](int s) { return s != 0; });
  return bad == status.end() ? 0 : *bad;
}

int run_launched(const Options& options) {
  try {
    Seat seat = join_launched(options, buffer_bytes(options));
    return measure(seat, options);
  } catch (const Failure& failure) {
    if (*failure.what() != '\0') complain(failure.what());  // else another rank has the sentence
    return failure.exit_status();
  }
}

}  // namespace hfreduce::perf
