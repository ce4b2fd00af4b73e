// Making communicators out of communicators.
#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <tuple>

#include "base/log.h"
#include "bootstrap/from_env.h"
#include "comm/comm.h"

namespace hfreduce::comm {
namespace {

constexpr char kRefusal = '-';  // with which no id begins
constexpr std::size_t kMostRefusal = 1000;

struct Vote {
  std::int32_t color = -1, key = 0;
};

std::string pack(const Vote& vote) {
  return std::string(reinterpret_cast<const char*>(&vote), sizeof vote);
}

Result<std::vector<std::int32_t>> ranks_of_color(const std::vector<std::string>& votes,
                                                 std::int32_t color) {
  std::vector<std::tuple<std::int32_t, std::int32_t>> chosen;  // key, rank
  for (std::size_t rank = 0; rank < votes.size(); ++rank) {
    Vote vote;
    if (votes[rank].size() != sizeof vote)
      return Status(Code::kProtocolError, fmt::format("rank {} did not call split", rank));
    std::memcpy(&vote, votes[rank].data(), sizeof vote);
    if (vote.color == color) chosen.emplace_back(vote.key, static_cast<std::int32_t>(rank));
  }
  std::sort(chosen.begin(), chosen.end());
  std::vector<std::int32_t> ranks;
  for (const auto& [key, rank] : chosen) ranks.push_back(rank);
  return ranks;
}

}  // namespace

// Who gave up in the middle would take the others' next exchange for this one: so the communicator
// has failed.
Result<std::vector<std::string>> Comm::exchange_votes(std::string_view mine, Deadline deadline) {
  auto all = session_->exchange(mine, deadline);
  if (all.ok()) return all;
  latch_.raise(all.status().with_phase("split"));
  return latch_.status();
}

// Two exchanges: who goes where; then the first rank of each color tells its id, by which the
// others join.
Result<std::unique_ptr<Comm>> Comm::split(std::int32_t color, std::int32_t key,
                                          CommOptions options) {
  if (latch_.raised()) return latch_.status();
  if (ranks_ == 1) {
    if (color < 0) return std::unique_ptr<Comm>();
    return join({}, std::move(options));
  }
  const Deadline deadline = Deadline::after_ms(options.init_timeout_ms);
  HFR_ASSIGN(const std::vector<std::string> votes, exchange_votes(pack({color, key}), deadline));
  HFR_ASSIGN(const std::vector<std::int32_t> ranks, ranks_of_color(votes, color));
  const bool first = color >= 0 && ranks.front() == rank_;
  std::string mine;
  Status refusal;
  if (first && ranks.size() > 1) {
    auto id = bootstrap::open_rendezvous(options.settings);
    if (id.ok()) {
      const auto packed = id->pack();
      mine.assign(packed.data(), packed.size());
    } else {  // the others of its color wait for one or the other
      refusal = id.status();
      mine = (kRefusal + refusal.text()).substr(0, kMostRefusal);
    }
  }
  HFR_ASSIGN(const std::vector<std::string> ids, exchange_votes(mine, deadline));
  HFR_TRY(std::move(refusal));
  if (color < 0) return std::unique_ptr<Comm>();
  Membership membership;
  membership.ranks = static_cast<std::int32_t>(ranks.size());
  membership.rank =
      static_cast<std::int32_t>(std::find(ranks.begin(), ranks.end(), rank_) - ranks.begin());
  if (ranks.size() > 1) {
    const std::string& packed = ids[static_cast<std::size_t>(ranks.front())];
    if (packed.starts_with(kRefusal))
      return Status(Code::kRemoteError,
                    fmt::format("{}, the first of this color, cannot listen for the others: {}",
                                describe(ranks.front()), packed.substr(1)))
          .with_rank(ranks.front());
    if (packed.size() != bootstrap::UniqueId::kBytes)
      return Status(Code::kProtocolError, "split: the first rank of this color sent no id");
    std::array<char, bootstrap::UniqueId::kBytes> bytes;
    std::memcpy(bytes.data(), packed.data(), bytes.size());
    HFR_ASSIGN(membership.id, bootstrap::UniqueId::unpack(bytes));
  }
  return join(membership, std::move(options));
}

}  // namespace hfreduce::comm
