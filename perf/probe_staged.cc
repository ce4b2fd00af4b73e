#include "probe_staged.h"

#include <algorithm>
#include <vector>

#include "streaming.h"

namespace hfreduce::perf {
namespace {

constexpr std::uint64_t kPieces[] = {16 << 10, 32 << 10, 64 << 10, 128 << 10, 256 << 10};
// Below, a store that does not fetch the line gains nothing: other things take the time.
constexpr std::uint64_t kStreamsFrom = 8 << 10;

// Pieces worth trying for `bytes`: all at once, if that fits, and what makes at least two.
std::vector<std::uint64_t> pieces_for(std::uint64_t bytes, std::uint64_t most) {
  std::vector<std::uint64_t> pieces;
  for (const std::uint64_t piece : kPieces) {
    const std::uint64_t fits = std::min(piece, most);
    if (fits < bytes && (pieces.empty() || pieces.back() < fits)) pieces.push_back(fits);
  }
  if (bytes <= std::min(most, kPieces[4])) pieces.push_back(std::max<std::uint64_t>(bytes, 64));
  return pieces;
}

// The fastest so far, of ways that are tried one after the other.
class Contest {
 public:
  Contest(Team& team, Staged& staged, int times) : team_(team), staged_(staged), times_(times) {}

  template <typename Way>
  void attempt(Way way) {
    team_.fence();
    staged_.renew();
    team_.fence();
    way();  // brings the slots to where they are from then on
    const double us = fastest_us(team_, times_, way);
    best_ = best_ == 0 ? us : std::min(best_, us);
  }
  double best() const { return best_; }

 private:
  Team& team_;
  Staged& staged_;
  int times_;
  double best_ = 0;
};

}  // namespace

double staged_us(Team& team, Staged& staged, const Traffic& traffic, int times) {
  const Arena& arena = team.arena();
  StagedBuffers buffers{arena.buffer(team.index(), 0).data(),
                        arena.buffer(team.index(), traffic.place == Placing::kOut).data(),
                        traffic.bytes};
  const std::uint64_t most = staged.most_piece();
  Contest contest(team, staged, times);
  if (most == 0) return 0;
  const auto attempt_both = [&](auto way) {
    buffers.past_caches = false;
    contest.attempt(way);
    buffers.past_caches = true;
    if (traffic.bytes >= kPastCachesFrom) contest.attempt(way);
  };
  if (traffic.collective == Collective::kBroadcast) {
    for (const std::uint64_t piece : pieces_for(traffic.bytes, most)) {
      attempt_both([&] { staged.broadcast(buffers, traffic.root, piece, false); });
      if (piece < kStreamsFrom) continue;
      attempt_both([&] { staged.broadcast(buffers, traffic.root, piece, true); });
    }
    return contest.best();
  }
  if (staged.fits_one_shot(traffic.bytes)) contest.attempt([&] { staged.one_shot(buffers); });
  const auto members = static_cast<std::uint64_t>(team.size());
  for (const std::uint64_t piece : pieces_for((traffic.bytes + members - 1) / members, most)) {
    attempt_both([&] { staged.two_shot(buffers, (piece + 63) / 64 * 64); });
  }
  return contest.best();
}

}  // namespace hfreduce::perf
