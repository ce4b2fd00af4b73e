#include "runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "clock.h"
#include "failure.h"

namespace hfreduce::perf {
namespace {

constexpr int kRounds = 4;  // calls and probes take turns, so that both see the same machine
constexpr std::uint64_t kFenceBlurs = 64 << 10;  // a barrier over the network blurs shorter calls

}  // namespace

Runner::Runner(Seat& seat, const Options& options)
    : seat_(seat), options_(options), progress_(seat.rank == 0) {
  if (seat_.hosts > 1 && options_.limits) ring_ = SocketRing::connect(seat_);
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

Call Runner::call_of(const Case& c) {
  Call call;
  call.collective = c.pattern.collective;
  call.send = seat_.buffer(0).data();
  call.receive = seat_.buffer(c.place == Placing::kIn ? 0 : 1).data();
  call.count = c.bytes / c.pattern.type->size;
  call.type = c.pattern.type->value;
  if (c.pattern.op != nullptr) call.op = c.pattern.op->value;
  call.root = c.pattern.root;
  call.algorithm = options_.algorithm;
  return call;
}

void Runner::fill(const Case& c, std::uint64_t salt) {
  Pattern pattern = c.pattern;
  pattern.salt = salt;
  if (c.place == Placing::kOut) {
    std::memset(seat_.buffer(1).data(), 0xa5, c.bytes);
  }
  repeat(input_period(pattern, seat_.rank, c.bytes / pattern.type->size),
         seat_.buffer(0).first(c.bytes));
}

void Runner::time_calls(const Case& c, int calls, Samples& samples) {
  if (timing_of(c.bytes) == Timing::kBackToBack) return time_back_to_back(c, calls, samples);
  const Call call = call_of(c);
  for (int i = 0; i < calls; ++i) {
    seat_.gang().fence();
    const std::int64_t begin = now_ns();
    const hfreduceResult_t result = make_call(call, seat_.comm.get());
    const double us = us_since(begin);
    if (result != hfreduceSuccess) must(result, seat_.comm.get(), name(c).c_str());
    samples.calls.push_back(us);
  }
}

void Runner::time_back_to_back(const Case& c, int calls, Samples& samples) {
  const Call call = call_of(c);
  const int batches = std::clamp(calls / 4, 1, 10);
  const int in_a_row = std::max(1, calls / batches);
  for (int batch = 0; batch < batches; ++batch) {
    seat_.gang().fence();
    const std::int64_t begin = now_ns();
    for (int i = 0; i < in_a_row; ++i) {
      const hfreduceResult_t result = make_call(call, seat_.comm.get());
      if (result != hfreduceSuccess) must(result, seat_.comm.get(), name(c).c_str());
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
  const int times = std::clamp(calls / 4, 2, 50);
  if (seat_.team) {
    Team& team = *seat_.team;
    team.fence();  // nobody is inside a call any more
    samples.copies.push_back(copy_us(team, traffic_of(c), times));
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

Wrong Runner::look_at_output(const Case& c, std::uint64_t salt) {
  Pattern pattern = c.pattern;
  pattern.salt = salt;
  const std::size_t element = pattern.type->size;
  return compare(expected_period(pattern, c.bytes / element),
                 seat_.buffer(c.place == Placing::kIn ? 0 : 1).first(c.bytes), element);
}

Wrong Runner::check_once(const Case& c, std::uint64_t salt) {
  fill(c, salt);
  must(make_call(call_of(c), seat_.comm.get()), seat_.comm.get(), name(c).c_str());
  return look_at_output(c, salt);
}

std::uint64_t Runner::tell_wrong(const Case& c, const Wrong& mine) {
  const std::vector<std::byte> all = seat_.gang().gather(std::as_bytes(std::span(&mine, 1)));
  std::uint64_t total = 0;
  for (int rank = 0; rank < seat_.ranks; ++rank) {
    Wrong wrong;
    std::memcpy(&wrong, all.data() + static_cast<std::size_t>(rank) * sizeof(wrong), sizeof(wrong));
    total += wrong.count;
    if (wrong.count == 0 || seat_.rank != 0) continue;
    progress_.clear();
    complain(
        fmt::format("{}: rank {}, element {} is {}, expected {}; {} of its {} elements are wrong",
                    name(c), rank, wrong.index, show_element(*c.pattern.type, wrong.got),
                    show_element(*c.pattern.type, wrong.expected), wrong.count,
                    c.bytes / c.pattern.type->size));
  }
  return total;
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
  Samples samples, warm_up;
  fill(c, 0);
  time_calls(c, warm_up_calls(options_, c.bytes), warm_up);
  for (int round = 0; round < kRounds; ++round) {
    const int share = calls * (round + 1) / kRounds - calls * round / kRounds;
    if (share == 0) continue;
    fill(c, 0);  // in place the sums would grow and grow
    time_calls(c, share, samples);
    line.algorithm = algorithm_of(seat_.comm.get());
    if (line.checked && c.place == Placing::kOut) line.wrong += tell_wrong(c, look_at_output(c, 0));
    if (options_.limits) probe(c, share, samples);
  }
  seat_.gang().maximum(samples.calls);
  line.time = spread_of(samples.calls);
  for (int check = 1; check <= options_.checks; ++check) {
    line.wrong += tell_wrong(c, check_once(c, static_cast<std::uint64_t>(check)));
  }
  Measured measured{spread_of(samples.copies).median, spread_of(samples.hand_overs).median,
                    spread_of(samples.turns).median, spread_of(samples.sockets).median,
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
        fmt::print("#\n# {}\n{}", name_of(c.pattern.collective), table_head());
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
  if (crowded)
    timing = "calls back to back, since ranks outnumber cores";
  else if (seat_.remote)
    timing = "each call from a barrier, slowest rank; below 64 KiB back to back";
  return {{"library_version", library_version()},
          {"ranks", fmt::format("{}", seat_.ranks)},
          {"hosts", fmt::format("{}", seat_.hosts)},
          {"most_ranks_a_host", fmt::format("{}", seat_.shape.local)},
          {"cores", fmt::format("{}", seat_.shape.cores)},
          {"timing", timing}};
}

}  // namespace hfreduce::perf
