#include "probe_memory.h"

#include <sched.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "clock.h"
#include "statistics.h"
#include "streaming.h"

namespace hfreduce::perf {
namespace {

struct Share {
  std::uint64_t begin, end;
};

Share share_of(const Team& team, std::uint64_t bytes) {
  const auto members = static_cast<std::uint64_t>(team.size());
  const auto me = static_cast<std::uint64_t>(team.index());
  return {bytes * me / members, bytes * (me + 1) / members};
}

// So that what was read for one buffer lies in a cache for the next.
template <typename Work>
void for_blocks(const Share& share, Work work) {
  constexpr std::uint64_t kBlock = 16384;
  for (std::uint64_t at = share.begin; at < share.end; at += kBlock)
    work(at, std::min(kBlock, share.end - at));
}

using Copy = void (*)(std::byte* to, const std::byte* from, std::uint64_t bytes);

void copy_plainly(std::byte* to, const std::byte* from, std::uint64_t bytes) {
  std::memcpy(to, from, bytes);
}

// This member's share of a collective.
class Work {
 public:
  Work(const Team& team, const Traffic& traffic, Copy copy)
      : arena_(team.arena()),
        members_(team.size()),
        share_(share_of(team, traffic.bytes)),
        traffic_(traffic),
        copy_(copy) {}

  void operator()() const {
    if (traffic_.collective == Collective::kBroadcast)
      from_root();
    else if (traffic_.place == Placing::kOut)
      apart();
    else
      in_place();
  }

 private:
  std::byte* at(int member, bool out, std::uint64_t offset) const {
    return arena_.buffer(member, out ? 1 : 0).data() + offset;
  }

  void from_root() const {
    const bool out = traffic_.place == Placing::kOut;
    for_blocks(share_, [&](std::uint64_t offset, std::uint64_t part) {
      for (int m = 0; m < members_; ++m) {
        if (out || m != traffic_.root)
          copy_(at(m, out, offset), at(traffic_.root, false, offset), part);
      }
    });
  }

  void apart() const {
    for (int m = 0; m < members_; ++m)
      copy_(at(m, true, share_.begin), at(m, false, share_.begin), share_.end - share_.begin);
  }

  // Every buffer is read and written: a rotation does that, block by block.
  void in_place() const {
    for_blocks(share_, [&](std::uint64_t offset, std::uint64_t part) {
      for (int m = members_ - 1; m > 0; --m)
        copy_plainly(at(m, false, offset), at(m - 1, false, offset), part);
      if (members_ > 1) copy_plainly(at(0, false, offset), at(members_ - 1, false, offset), part);
    });
  }

  const Arena& arena_;
  int members_;
  Share share_;
  const Traffic& traffic_;
  Copy copy_;
};

struct Ball {
  std::atomic<std::uint64_t>& mine;
  std::atomic<std::uint64_t>& theirs;
  bool yielding;

  void wait(std::uint64_t value) const {
    // Those who were not bound may share a core even where they should not.
    int spins = yielding ? 0 : 2000;
    while (theirs.load(std::memory_order_acquire) != value) {
      if (--spins < 0) {
        sched_yield();
      } else {
        relax();
      }
    }
  }
};

}  // namespace

double fastest_us(Team& team, int times, const std::function<void()>& work) {
  if (!team.outnumbered()) {
    std::vector<double> samples(static_cast<std::size_t>(times));
    for (double& sample : samples) {
      team.fence();
      const std::int64_t begin = now_ns();
      work();
      sample = us_since(begin);
    }
    team.maximum(samples);
    return spread_of(samples).min;  // what others on this machine take away is no limit of it
  }
  // Members take turns on the cores: only from the first begin to the last end makes sense.
  team.fence();
  const std::int64_t begin = now_ns();
  for (int i = 0; i < times; ++i) work();
  double ends[2] = {-static_cast<double>(begin), static_cast<double>(now_ns())};
  team.maximum(ends);
  return (ends[0] + ends[1]) / 1e3 / times;
}

double copy_us(Team& team, const Traffic& traffic, int times) {
  const double plainly = fastest_us(team, times, Work(team, traffic, copy_plainly));
  const bool overwrites =
      traffic.collective == Collective::kAllReduce && traffic.place == Placing::kIn;
  if (traffic.bytes < kPastCachesFrom || overwrites) return plainly;
  return std::min(plainly, fastest_us(team, times, Work(team, traffic, copy_streaming)));
}

double hand_over_us(Team& team, int a, int b, bool yielding) {
  constexpr int kBursts = 15, kRounds = 20;
  ArenaHeader& header = team.arena().header();
  team.fence();
  if (team.index() == a) {
    header.ping.store(0);
    header.pong.store(0);
  }
  team.fence();
  std::vector<double> bursts;
  if (team.index() == a || team.index() == b) {
    const bool serves = team.index() == a;
    const Ball ball = serves ? Ball{header.ping, header.pong, yielding}
                             : Ball{header.pong, header.ping, yielding};
    std::uint64_t value = 0;
    for (int burst = 0; burst < kBursts; ++burst) {
      const std::int64_t begin = now_ns();
      for (int i = 0; i < kRounds; ++i) {
        ++value;
        if (!serves) ball.wait(value);
        ball.mine.store(value, std::memory_order_release);
        if (serves) ball.wait(value);
      }
      bursts.push_back(us_since(begin) / (2 * kRounds));
    }
    team.fence();
  } else {
    team.fence_asleep();
  }
  const Spread spread = spread_of(bursts);
  double one_way = team.outnumbered() ? spread.min : spread.median;
  if (team.index() != a) one_way = 0;  // the server's clock counts
  team.maximum(std::span(&one_way, 1));
  return one_way;
}

}  // namespace hfreduce::perf
