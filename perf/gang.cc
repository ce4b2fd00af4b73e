#include "gang.h"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <cstring>
#include <ctime>

#include "failure.h"
#include "library.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace hfreduce::perf {

void relax() noexcept {
#if defined(__x86_64__)
  _mm_pause();
#endif
}

void Team::meet(bool asleep) {
  ArenaHeader& header = arena_.header();
  const std::uint32_t generation = header.generation.load(std::memory_order_acquire);
  if (header.arrived.fetch_add(1, std::memory_order_acq_rel) + 1 == header.members) {
    header.arrived.store(0, std::memory_order_relaxed);
    header.generation.store(generation + 1, std::memory_order_release);
    return;
  }
  const int spins = asleep ? 0 : outnumbered_ ? 20 : 10'000;
  timespec pause = {0, 50'000};
  for (int i = 0; header.generation.load(std::memory_order_acquire) == generation; ++i) {
    if (i < spins) {
      relax();
      continue;
    }
    if (asleep) {
      nanosleep(&pause, nullptr);
      pause.tv_nsec = std::min(2 * pause.tv_nsec, 5'000'000L);
    } else {
      sched_yield();
    }
    // Who has come and then failed does not keep the others here.
    const std::uint32_t failed = header.failed.load(std::memory_order_acquire);
    if (failed != 0 && header.generation.load(std::memory_order_acquire) == generation) {
      throw Failure(fmt::format("gave up, since rank {} had failed", failed - 1));
    }
  }
}

std::vector<std::byte> Team::gather(std::span<const std::byte> mine) {
  const auto members = static_cast<std::size_t>(size());
  std::vector<std::byte> all(members * mine.size());
  for (std::size_t at = 0; at < mine.size(); at += Arena::kMailbox) {
    const std::size_t part = std::min(mine.size() - at, Arena::kMailbox);
    std::memcpy(arena_.mailbox(index_).data(), mine.data() + at, part);
    fence();
    for (std::size_t m = 0; m < members; ++m) {
      const std::byte* from = arena_.mailbox(static_cast<int>(m)).data();
      std::memcpy(all.data() + m * mine.size() + at, from, part);
    }
    fence();
  }
  return all;
}

void Team::maximum(std::span<double> values) {
  const std::vector<std::byte> all = gather(std::as_bytes(values));
  for (std::size_t at = 0; at < all.size(); at += sizeof(double)) {
    double value = 0;
    std::memcpy(&value, all.data() + at, sizeof(value));
    double& mine = values[at % values.size_bytes() / sizeof(double)];
    mine = std::max(mine, value);
  }
}

void Remote::fence() {
  int one = 1, sum = 0;
  must(hfreduceAllReduce(&one, &sum, 1, hfreduceInt32, hfreduceSum, comm_, nullptr), comm_,
       "meeting the other ranks");
}

std::vector<std::byte> Remote::gather(std::span<const std::byte> mine) {
  std::vector<std::byte> all(static_cast<std::size_t>(ranks_) * mine.size());
  if (all.empty()) return all;
  std::memcpy(all.data() + static_cast<std::size_t>(rank_) * mine.size(), mine.data(), mine.size());
  must(hfreduceAllReduce(all.data(), all.data(), all.size(), hfreduceUint8, hfreduceSum, comm_,
                         nullptr),
       comm_, "gathering figures");
  return all;
}

void Remote::maximum(std::span<double> values) {
  if (values.empty()) return;
  must(hfreduceAllReduce(values.data(), values.data(), values.size(), hfreduceFloat64, hfreduceMax,
                         comm_, nullptr),
       comm_, "gathering figures");
}

}  // namespace hfreduce::perf
