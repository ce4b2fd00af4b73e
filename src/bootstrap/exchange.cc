#include "bootstrap/exchange.h"

#include <fmt/core.h>

#include "bootstrap/tree_shape.h"

namespace hfreduce::bootstrap {
namespace {

constexpr std::size_t kFrameFill = 12 << 10;  // then no further entry; entries are at most 8 KiB
constexpr std::size_t kEntryOverhead = 6;

Status nonsense(std::string what) { return Status(Code::kProtocolError, std::move(what)); }

}  // namespace

Exchange::Exchange(std::int32_t rank, std::int32_t ranks)
    : rank_(rank), ranks_(ranks), children_(children_of(rank, ranks)) {
  for (const std::int32_t child : children_) down_[child] = {};
}

// A neighbour can be one round ahead: it has finished a round that this rank has not taken yet.
Result<Exchange::Round*> Exchange::find(std::uint32_t round) {
  if (round < next_round_ || round > next_round_ + 1) {
    return nonsense(
        fmt::format("sent entries of exchange {} during exchange {}", round, next_round_));
  }
  const auto [at, is_new] = rounds_.try_emplace(round);
  if (is_new) {
    at->second.book.resize(static_cast<std::size_t>(ranks_));
    at->second.known.resize(static_cast<std::size_t>(ranks_));
    at->second.gathered.resize(static_cast<std::size_t>(ranks_));
    for (const std::int32_t child : children_) at->second.sent_down[child] = 0;
  }
  return &at->second;
}

void Exchange::into_book(Round& round, Entries::Entry entry) {
  const auto index = static_cast<std::size_t>(entry.rank);
  round.known[index] = true;
  round.book[index] = std::move(entry.bytes);
  round.order.push_back(entry.rank);
}

Status Exchange::gather(Round& round, std::int32_t below, Entries::Entry entry) {
  if (entry.rank < 0 || entry.rank >= ranks_ || !is_below(entry.rank, below)) {
    return nonsense(fmt::format("sent an entry of rank {}, which is not below it", entry.rank));
  }
  const auto index = static_cast<std::size_t>(entry.rank);
  if (round.gathered[index]) return nonsense(fmt::format("sent rank {}'s entry twice", entry.rank));
  round.gathered[index] = true;
  if (rank_ == 0) {
    into_book(round, std::move(entry));
  } else {
    round.up.push_back(std::move(entry));
  }
  return {};
}

void Exchange::contribute(std::uint32_t round, std::string bytes) {
  auto found = find(round);
  if (!found.ok()) return;
  static_cast<void>(gather(**found, rank_, {rank_, std::move(bytes)}).ok());
}

Status Exchange::from_child(std::int32_t child, Entries entries) {
  HFR_ASSIGN(Round* const round, find(entries.round));
  for (auto& entry : entries.entries) HFR_TRY(gather(*round, child, std::move(entry)));
  return {};
}

Status Exchange::from_parent(Entries entries) {
  HFR_ASSIGN(Round* const round, find(entries.round));
  for (auto& entry : entries.entries) {
    if (entry.rank < 0 || entry.rank >= ranks_ ||
        round->known[static_cast<std::size_t>(entry.rank)]) {
      return nonsense(fmt::format("sent rank {}'s entry out of range or twice", entry.rank));
    }
    into_book(*round, std::move(entry));
  }
  return {};
}

void Exchange::credit_from_child(std::int32_t child) {
  const auto flow = down_.find(child);
  if (flow != down_.end() && flow->second.unread > 0) --flow->second.unread;
}

void Exchange::credit_from_parent() {
  if (up_.unread > 0) --up_.unread;
}

std::optional<Entries> Exchange::next_up() {
  if (rank_ == 0 || up_.unread >= kCredit) return std::nullopt;
  for (auto& [number, round] : rounds_) {
    if (round.up.empty()) continue;
    Entries message;
    message.round = number;
    for (std::size_t bytes = 0; !round.up.empty() && bytes < kFrameFill; round.up.pop_front()) {
      bytes += round.up.front().bytes.size() + kEntryOverhead;
      message.entries.push_back(std::move(round.up.front()));
    }
    ++up_.unread;
    return message;
  }
  return std::nullopt;
}

std::optional<Entries> Exchange::next_down(std::int32_t child) {
  const auto flow = down_.find(child);
  if (flow == down_.end() || flow->second.unread >= kCredit) return std::nullopt;
  for (auto& [number, round] : rounds_) {
    std::size_t& sent = round.sent_down[child];
    if (sent == round.order.size()) continue;
    Entries message;
    message.round = number;
    for (std::size_t bytes = 0; sent < round.order.size() && bytes < kFrameFill; ++sent) {
      const std::int32_t rank = round.order[sent];
      const std::string& entry = round.book[static_cast<std::size_t>(rank)];
      bytes += entry.size() + kEntryOverhead;
      message.entries.push_back({rank, entry});
    }
    ++flow->second.unread;
    return message;
  }
  return std::nullopt;
}

bool Exchange::complete(std::uint32_t round) const {
  const auto at = rounds_.find(round);
  if (at == rounds_.end()) return false;
  if (at->second.order.size() != static_cast<std::size_t>(ranks_)) return false;
  for (const auto& [child, sent] : at->second.sent_down) {
    if (sent != at->second.order.size() || down_.at(child).unread != 0) return false;
  }
  return true;
}

std::vector<std::string> Exchange::take(std::uint32_t round) {
  std::vector<std::string> book = std::move(rounds_.at(round).book);
  rounds_.erase(round);
  next_round_ = round + 1;
  return book;
}

RankSet Exchange::missing(std::uint32_t round) const {
  RankSet missing;
  const auto at = rounds_.find(round);
  for (std::int32_t rank = 0; rank < ranks_; ++rank) {
    if (!is_below(rank, rank_)) continue;
    if (at == rounds_.end() || !at->second.gathered[static_cast<std::size_t>(rank)]) {
      missing.add(rank);
    }
  }
  return missing;
}

}  // namespace hfreduce::bootstrap
