#include "runner.h"

#include <fmt/format.h>

#include <algorithm>

#include "failure.h"

namespace hfreduce::perf {
namespace {

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
        for (const OpInfo* op : options_.ops) {
          if (applies(*op, *type)) add({collective, type, op, seat_.ranks, 0, 0});
        }
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

  fill(c, 0);
  warm_up(c, warm_up_calls(options_, c.bytes));
  let_peers([&](Peers& peers) { peers.begin(request_of(c, 1)); });
  conclude(run_rounds(c, line), line);
  for (int check = 1; check <= options_.checks; ++check) {
    line.wrong += tell_wrong(c, check_once(c, static_cast<std::uint64_t>(check)));
  }
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
