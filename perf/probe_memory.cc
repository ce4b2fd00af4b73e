#include "probe_memory.h"

#include <sched.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "clock.h"
#include "statistics.h"

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

// This member's share of an allreduce.
void copy_share(const Team& team, const Traffic& traffic) {
  const Share share = share_of(team, traffic.bytes);
  const Arena& arena = team.arena();
  if (traffic.place == Placing::kOut) {
    for (int m = 0; m < team.size(); ++m) {
      std::memcpy(arena.buffer(m, 1).data() + share.begin, arena.buffer(m, 0).data() + share.begin,
                  share.end - share.begin);
    }
    return;
  }
  // In place every buffer is read and written: a rotation does that, block by block.
  for_blocks(share, [&](std::uint64_t at, std::uint64_t part) {
    for (int m = team.size() - 1; m > 0; --m) {
      std::memcpy(arena.buffer(m, 0).data() + at, arena.buffer(m - 1, 0).data() + at, part);
    }
    if (team.size() > 1) {
      std::memcpy(arena.buffer(0, 0).data() + at, arena.buffer(team.size() - 1, 0).data() + at,
                  part);
    }
  });
}

// This member's share of a broadcast.
void copy_from_root(const Team& team, const Traffic& traffic) {
  const int to = traffic.place == Placing::kOut ? 1 : 0;
  const Arena& arena = team.arena();
  for_blocks(share_of(team, traffic.bytes), [&](std::uint64_t at, std::uint64_t part) {
    for (int m = 0; m < team.size(); ++m) {
      if (to == 0 && m == traffic.root) continue;
      std::memcpy(arena.buffer(m, to).data() + at, arena.buffer(traffic.root, 0).data() + at, part);
    }
  });
}

void copy_once(const Team& team, const Traffic& traffic) {
  if (traffic.collective == Collective::kAllReduce) {
    copy_share(team, traffic);
  } else {
    copy_from_root(team, traffic);
  }
}

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
  return fastest_us(team, times, [&] { copy_once(team, traffic); });
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
