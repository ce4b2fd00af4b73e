#include "runner.h"

#include <fmt/format.h>

#include <algorithm>

#include "failure.h"

namespace hfreduce::perf {
namespace {

constexpr int kRounds = 4;  // calls and probes take turns, so that both see the same machine
constexpr std::uint64_t kFenceBlurs = 64 << 10;  // a barrier over the network blurs shorter calls

}  // namespace

Runner::Runner(Seat& seat, const Options& options)
    : seat_(seat),
      options_(options),
      progress_(seat.rank == 0),
      comparing_(!options.compare.empty()) {
  if (comparing_ && seat_.rank == 0) {
    const auto cores = static_cast<int>(seat_.cores.size());
    peers_ =
        std::make_unique<Peers>(parse_compare(options_.compare, seat_.ranks, cores, find_program),
                                seat_.ranks, seat_.cores, options_.bind != 0, options_.patience);
  }
  if (seat_.rank == 0 && !options_.baseline.empty()) baseline_ = Baseline::read(options_.baseline);
  if (seat_.hosts > 1 && options_.limits != 0) ring_ = SocketRing::connect(seat_);
}

Timing Runner::timing_of(std::uint64_t bytes) const {
  if (seat_.shape.local > seat_.shape.cores) return Timing::kBackToBack;
  return !seat_.remote || bytes >= kFenceBlurs ? Timing::kFenced : Timing::kBackToBack;
}

std::vector<Runner::Case> Runner::cases() const {
  std::vector<Case> all;
  const auto add = [&](const Pattern& pattern) {
    for (const std::uint64_t bytes : sizes_of(options_.sweep, pattern.type->size)) {
      for (const Placing place : options_.places) all.push_back({pattern, bytes, place});
    }
  };
  for (const Collective collective : options_.collectives) {
    for (const TypeInfo* type : options_.types) {
      if (collective == Collective::kAllReduce) {
        for (const OpInfo* op : options_.ops) add({collective, type, op, seat_.ranks, 0, 0});
        continue;
      }
      const int first = options_.root < 0 ? 0 : options_.root;
      const int last = options_.root < 0 ? seat_.ranks - 1 : options_.root;
      for (int root = first; root <= last; ++root) {
        add({collective, type, nullptr, seat_.ranks, root, 0});
      }
    }
  }
  return all;
}

std::string Runner::name(const Case& c) const {
  return fmt::format("{} of {} ({}{}{}, {} place)", name_of(c.pattern.collective),
                     show_size(c.bytes), c.pattern.type->name, c.pattern.op != nullptr ? " " : "",
                     c.pattern.op != nullptr ? c.pattern.op->name : "",
                     c.place == Placing::kIn ? "in" : "out of");
}

void Runner::show(const Case& c, std::size_t done, std::size_t all) {
  progress_.show(fmt::format("{} of {}: {}", done, all, name(c)));
}

Line Runner::run_one(const Case& c) {
  Line line;
  line.collective = c.pattern.collective;
  line.type = c.pattern.type;
  line.op = c.pattern.op;
  line.root = c.pattern.collective == Collective::kBroadcast ? c.pattern.root : -1;
  line.ranks = seat_.ranks;
  line.hosts = seat_.hosts;
  line.bytes = c.bytes;
  line.place = c.place;
  line.checked = options_.checks > 0;

  const int calls = timed_calls(options_, c.bytes);
  Samples samples;
  fill(c, 0);
  warm_up(c, warm_up_calls(options_, c.bytes));
  let_peers([&](Peers& peers) { peers.begin(request_of(c, calls)); });
  for (int round = 0; round < kRounds; ++round) {
    const int share = calls * (round + 1) / kRounds - calls * round / kRounds;
    if (share == 0) continue;
    fill(c, 0);                                // in place the sums would grow and grow
    if (comparing_) warm_up(c, kRoundWarmUp);  // another library has had the caches
    time_calls(c, share, samples);
    line.algorithm = algorithm_of(seat_.comm.get());
    if (line.checked && c.place == Placing::kOut) line.wrong += tell_wrong(c, look_at_output(c, 0));
    if (options_.limits != 0) probe(c, share, samples);
    let_peers([&](Peers& peers) { peers.run(request_of(c, share)); });
  }
  if (peers_) line.peers = peers_->figures();
  seat_.gang().maximum(samples.calls);
  line.time = spread_of(samples.calls);
  for (int check = 1; check <= options_.checks; ++check) {
    line.wrong += tell_wrong(c, check_once(c, static_cast<std::uint64_t>(check)));
  }
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
  const Floor floor = floor_of(seat_.shape, measured);
  line.limit_us = floor.us;
  line.limit_by = floor.by;
  if (baseline_) line.against = baseline_->judge(line, options_.tolerance / 100);
  return line;
}

std::vector<Line> Runner::run_all() {
  const std::vector<Case> all = cases();
  std::vector<Line> lines;
  const Case* before = nullptr;
  for (const Case& c : all) {
    show(c, lines.size() + 1, all.size());
    lines.push_back(run_one(c));
    if (seat_.rank == 0) {
      progress_.clear();
      if (before == nullptr || before->pattern.collective != c.pattern.collective) {
        fmt::print("#\n# {}\n{}", name_of(c.pattern.collective), table_head(lines.back()));
      }
      fmt::print("{}", table_row(lines.back()));
      std::fflush(stdout);
    }
    before = &c;
  }
  return lines;
}

Facts Runner::facts() const {
  const bool crowded = seat_.shape.local > seat_.shape.cores;
  std::string timing = "each call from a barrier, slowest rank";
  if (crowded) {
    timing = "calls back to back, since ranks outnumber cores";
  } else if (seat_.remote) {
    timing = "each call from a barrier, slowest rank; below 64 KiB back to back";
  }
  return {library_version(), timing,           seat_.ranks, seat_.hosts,
          seat_.shape.local, seat_.shape.cores};
}

}  // namespace hfreduce::perf
