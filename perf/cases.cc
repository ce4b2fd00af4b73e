#include "cases.h"

#include <fmt/format.h>

#include <cstring>

#include "failure.h"

namespace hfreduce::perf {
namespace {

constexpr std::uint64_t kFenceBlurs = 64 << 10;  // a barrier over the network blurs shorter calls

Pattern salted(const Case& c, std::uint64_t salt) {
  Pattern pattern = c.pattern;
  pattern.salt = salt;
  return pattern;
}

std::string timing_text(const Seat& seat, bool persistent) {
  const char* calls = persistent ? "each start and wait of a persistent request" : "each call";
  if (seat.shape.local > seat.shape.cores)
    return fmt::format("{} back to back, since ranks outnumber cores", calls);
  return fmt::format("{} from a barrier, slowest rank{}", calls,
                     seat.remote ? "; below 64 KiB back to back" : "");
}

}  // namespace

Timing timing_of(const Seat& seat, std::uint64_t bytes) {
  if (seat.shape.local > seat.shape.cores) return Timing::kBackToBack;
  return !seat.remote || bytes >= kFenceBlurs ? Timing::kFenced : Timing::kBackToBack;
}

Facts facts_of(const Seat& seat, bool persistent) {
  return {library_version(), timing_text(seat, persistent),
          seat.ranks,        seat.hosts,
          seat.shape.local,  seat.shape.cores};
}

std::vector<Case> cases_of(const Options& options, int ranks) {
  std::vector<Case> all;
  const auto add = [&](const Pattern& pattern) {
    for (const std::uint64_t bytes : sizes_of(options.sweep, pattern.type->size)) {
      for (const Placing place : options.places) all.push_back({pattern, bytes, place});
    }
  };
  for (const Collective collective : options.collectives) {
    for (const TypeInfo* type : options.types) {
      if (collective == Collective::kAllReduce) {
        for (const OpInfo* op : options.ops) {
          if (applies(*op, *type)) add({collective, type, op, ranks, 0, 0});
        }
        continue;
      }
      const int first = options.root < 0 ? 0 : options.root;
      const int last = options.root < 0 ? ranks - 1 : options.root;
      for (int root = first; root <= last; ++root) {
        add({collective, type, nullptr, ranks, root, 0});
      }
    }
  }
  return all;
}

std::string name_of(const Case& c) {
  return fmt::format("{} of {} ({}{}{}, {} place)", name_of(c.pattern.collective),
                     show_size(c.bytes), c.pattern.type->name, c.pattern.op != nullptr ? " " : "",
                     c.pattern.op != nullptr ? c.pattern.op->name : "",
                     c.place == Placing::kIn ? "in" : "out of");
}

Call call_of(const Case& c, Seat& seat, const std::string& algorithm) {
  Call call;
  call.collective = c.pattern.collective;
  call.send = seat.buffer(0).data();
  call.receive = seat.buffer(c.place == Placing::kIn ? 0 : 1).data();
  call.count = c.bytes / c.pattern.type->size;
  call.type = c.pattern.type->value;
  if (c.pattern.op != nullptr) call.op = c.pattern.op->value;
  call.root = c.pattern.root;
  call.algorithm = algorithm;
  return call;
}

void fill(const Case& c, Seat& seat, std::uint64_t salt) {
  if (c.place == Placing::kOut) std::memset(seat.buffer(1).data(), 0xa5, c.bytes);
  repeat(input_period(salted(c, salt), seat.rank, c.bytes / c.pattern.type->size),
         seat.buffer(0).first(c.bytes));
}

Wrong look_at_output(const Case& c, Seat& seat, std::uint64_t salt) {
  const std::size_t element = c.pattern.type->size;
  return compare(expected_period(salted(c, salt), c.bytes / element),
                 seat.buffer(c.place == Placing::kIn ? 0 : 1).first(c.bytes), element);
}

std::uint64_t tell_wrong(const Case& c, Seat& seat, const Wrong& mine, Progress& progress) {
  const std::vector<std::byte> all = seat.gang().gather(std::as_bytes(std::span(&mine, 1)));
  std::uint64_t total = 0;
  for (int rank = 0; rank < seat.ranks; ++rank) {
    Wrong wrong;
    std::memcpy(&wrong, all.data() + static_cast<std::size_t>(rank) * sizeof(wrong), sizeof(wrong));
    total += wrong.count;
    if (wrong.count == 0 || seat.rank != 0) continue;
    progress.clear();
    complain(
        fmt::format("{}: rank {}, element {} is {}, expected {}; {} of its {} elements are wrong",
                    name_of(c), rank, wrong.index, show_element(*c.pattern.type, wrong.got),
                    show_element(*c.pattern.type, wrong.expected), wrong.count,
                    c.bytes / c.pattern.type->size));
  }
  return total;
}

}  // namespace hfreduce::perf
