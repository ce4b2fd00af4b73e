#include "runner.h"

#include <fmt/format.h>

#include <algorithm>

#include "failure.h"
#include "peer_spread.h"

namespace hfreduce::perf {
Runner::Runner(Seat& seat, const Options& options)
    : seat_(seat),
      options_(options),
      progress_(seat.rank == 0),
      comparing_(!options.compare.empty()) {
  if (seat_.hosts > 1 && (options_.limits != 0 || comparing_)) ring_ = SocketRing::connect(seat_);
  if (comparing_) start_peers();
  if (options_.limits == 0) ring_.reset();
  if (options_.limits != 0 && !options_.mapped && seat_.hosts == 1 && seat_.team && seat_.ranks > 1)
    staged_ = std::make_unique<Staged>(seat_.team->arena().windows(), seat_.ranks,
                                       seat_.team->index(), seat_.team->outnumbered());
  if (seat_.rank == 0 && !options_.baseline.empty()) baseline_ = Baseline::read(options_);
}

void Runner::start_peers() {
  const PeerCrowd crowd{seat_.machine_ranks, seat_.machine_cores, seat_.hosts};
  if (!seat_.launched && seat_.rank != 0) return;
  std::vector<PeerSpec> specs;
  const auto parse = [&] {
    specs = parse_compare(options_.compare, crowd, find_program);
    return PeerCompany::Lines{};
  };
  PeerPlace place;
  place.count = place.ranks = seat_.ranks;
  place.cores = seat_.cores;
  place.bind = options_.bind != 0;
  if (seat_.launched) {
    company_ = std::make_unique<EachItsOwn>(seat_);
    place = spread_place(seat_, ring_.get(), *company_);
  } else {
    company_ = std::make_unique<Alone>();
  }
  place.offset = options_.offset;
  company_->together(parse);
  peers_ = std::make_unique<Peers>(specs, place, *company_, options_.patience);
}

void Runner::show(const Case& c, std::size_t done, std::size_t all) {
  progress_.show(fmt::format("{} of {}: {}", done, all, name_of(c)));
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

  fill(c, seat_, 0);
  warm_up(c, warm_up_calls(options_, c.bytes));
  let_peers([&](Peers& peers) { peers.begin(request_of(c, 1)); });
  conclude(run_rounds(c, line), line);
  for (int check = 1; check <= options_.checks; ++check) {
    line.wrong += tell_wrong(c, seat_, check_once(c, static_cast<std::uint64_t>(check)), progress_);
  }
  if (baseline_) line.against = baseline_->judge(line, options_.tolerance / 100);
  return line;
}

std::vector<Line> Runner::run_all() {
  const std::vector<Case> all = cases_of(options_, seat_.ranks);
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

}  // namespace hfreduce::perf
