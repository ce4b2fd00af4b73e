#include "bootstrap/report.h"

#include <fmt/core.h>

#include <algorithm>

namespace hfreduce::bootstrap {
namespace {

constexpr std::size_t kMostStands = 16;
constexpr std::size_t kMostDescription = 100;
constexpr std::size_t kMostShown = 4;

bool called(const Stand& stand) {
  return stand.phase == Stand::Phase::kActive || stand.phase == Stand::Phase::kDone;
}

bool behind(const Stand& stand) {
  return stand.phase == Stand::Phase::kNotStarted || stand.phase == Stand::Phase::kHeldUp;
}

RankSet blamed(const Report& report, std::int32_t ranks) {
  std::uint64_t furthest = ~std::uint64_t{0};
  RankSet answered;
  for (const Stand& stand : report.stands()) {
    answered.add(stand.ranks);
    if (behind(stand)) furthest = std::min(furthest, stand.called);
  }
  RankSet absent = answered.complement(ranks), held_up;
  for (const Stand& stand : report.stands()) {
    if (stand.phase == Stand::Phase::kLeft) absent.add(stand.ranks);
    if (!behind(stand) || stand.called != furthest) continue;
    (stand.phase == Stand::Phase::kHeldUp ? held_up : absent).add(stand.ranks);
  }
  return absent.empty() ? held_up : absent;
}

std::string plural(const RankSet& ranks) {
  return fmt::format("rank{} {}", ranks.count() == 1 ? "" : "s", ranks.to_string());
}

// Calls with one fingerprint, whether still waiting or done.
std::vector<Stand> different_calls(const Report& report) {
  std::vector<Stand> calls;
  for (const Stand& stand : report.stands()) {
    if (!called(stand) || stand.fingerprint == 0) continue;
    const auto same = std::find_if(calls.begin(), calls.end(), [&](const Stand& call) {
      return call.fingerprint == stand.fingerprint;
    });
    if (same == calls.end()) {
      calls.push_back(stand);
    } else {
      same->ranks.add(stand.ranks);
    }
  }
  // The odd ones first; among equally many, those without the lowest rank.
  std::sort(calls.begin(), calls.end(), [](const Stand& a, const Stand& b) {
    if (a.ranks.count() != b.ranks.count()) return a.ranks.count() < b.ranks.count();
    return a.ranks.lowest() > b.ranks.lowest();
  });
  return calls;
}

// A description is "this call, after that one". The second half matters only where the first is the
// same for all: then some earlier call differed, which ended before anybody could see it.
Status mismatch(const std::vector<Stand>& calls, std::uint64_t sequence) {
  const auto head = [](const Stand& call) {
    return std::string_view(call.description).substr(0, call.description.find(", after "));
  };
  const bool heads_differ = std::any_of(
      calls.begin(), calls.end(), [&](const Stand& call) { return head(call) != head(calls[0]); });
  std::string text = fmt::format("operation {} {}not the same on all ranks: ", sequence,
                                 heads_differ ? "is " : "comes after operations that were ");
  for (std::size_t i = 0; i < calls.size() && i < kMostShown; ++i) {
    text += fmt::format("{}{} called {}", i == 0 ? "" : "; ", plural(calls[i].ranks),
                        heads_differ ? head(calls[i]) : std::string_view(calls[i].description));
  }
  return Status(Code::kMismatch, text + ". All ranks must make the same calls in the same order");
}

}  // namespace

void Report::add(const Stand& stand) {
  const auto take = [&](auto&& fits) {
    const auto at = std::find_if(stands_.rbegin(), stands_.rend(), fits);
    if (at == stands_.rend()) return false;
    at->ranks.add(stand.ranks);
    at->called = std::min(at->called, stand.called);  // rather too many blamed than one missing
    return true;
  };
  if (take([&](const Stand& other) {
        return other.phase == stand.phase && other.fingerprint == stand.fingerprint &&
               other.called == stand.called;
      })) {
    return;
  }
  if (stands_.size() >= kMostStands &&
      take([&](const Stand& other) { return other.phase == stand.phase; })) {
    return;
  }
  stands_.push_back(stand);
}

void Report::add(const Report& other) {
  for (const Stand& stand : other.stands_) add(stand);
}

void Report::write(Writer& writer) const {
  writer.u8(static_cast<std::uint8_t>(stands_.size()));
  for (const Stand& stand : stands_) {
    writer.u8(static_cast<std::uint8_t>(stand.phase)).u32(stand.fingerprint).u64(stand.called);
    writer.text(stand.description, kMostDescription);
    stand.ranks.write(writer, 7000 / stands_.size());
  }
}

std::optional<Report> Report::read(Reader& reader, std::int32_t ranks) {
  Report report;
  const std::size_t count = reader.u8();
  if (count > kMostStands + 4) return std::nullopt;
  for (std::size_t i = 0; i < count; ++i) {
    Stand stand;
    const std::uint8_t phase = reader.u8();
    stand.phase = static_cast<Stand::Phase>(phase);
    stand.fingerprint = reader.u32();
    stand.called = reader.u64();
    stand.description = reader.text(kMostDescription);
    if (phase > 4 || !stand.ranks.read(reader, ranks) || stand.ranks.empty()) return std::nullopt;
    report.add(stand);
  }
  return report;
}

Judgement judge(const Report& report, std::uint64_t sequence, std::int32_t ranks,
                const std::function<std::string(std::int32_t)>& name) {
  Judgement judgement;
  const auto calls = different_calls(report);
  if (calls.size() > 1) {
    judgement.failure =
        mismatch(calls, sequence).with_rank(calls.front().ranks.lowest()).with_sequence(sequence);
    return judgement;
  }
  RankSet waiting, left;
  std::string what = "the operation";
  for (const Stand& stand : report.stands()) {
    if (stand.phase == Stand::Phase::kLeft) left.add(stand.ranks);
    if (stand.phase != Stand::Phase::kActive) continue;
    waiting.add(stand.ranks);
    if (!stand.description.empty()) what = stand.description;
  }
  judgement.absent = blamed(report, ranks);
  if (left.empty() || waiting.empty()) return judgement;
  judgement.failure =
      Status(Code::kMismatch,
             fmt::format("{}{} left the communicator (destroyed it) without calling operation {}, "
                         "{}, in which {} wait{}",
                         name(left.lowest()),
                         left.count() > 1 ? fmt::format(" and {} more", left.count() - 1) : "",
                         sequence, what, plural(waiting), waiting.count() == 1 ? "s" : ""))
          .with_rank(left.lowest())
          .with_sequence(sequence);
  return judgement;
}

}  // namespace hfreduce::bootstrap
