// A reduction that several threads do has the bits of the portable kernel's, whatever the type, the
// operation, and where the pieces are cut.
#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include "executor/shared_reduce.h"

namespace hfreduce::executor {
namespace {

using kernels::DataType;
using kernels::ReduceOp;

const workers::Desk::Owner kNobody{[](const void*) noexcept {}, nullptr};

std::vector<std::byte> random_bytes(std::size_t bytes, std::mt19937& random) {
  std::vector<std::byte> memory(bytes);
  for (std::size_t i = 0; i + 4 <= bytes; i += 4) {
    const auto word = static_cast<std::uint32_t>(random());
    std::memcpy(memory.data() + i, &word, 4);
  }
  return memory;
}

// Sources of any bits, NaNs among them, and two destinations that begin anywhere in a line.
struct Buffers {
  Buffers(std::size_t n_sources, std::size_t bytes, std::mt19937& random)
      : ranges(n_sources, random_bytes(bytes, random)), results(2) {
    for (const auto& range : ranges) sources.push_back(range.data());
    for (auto& result : results) result.assign(bytes + 256, std::byte{0x5a});
  }
  std::vector<std::vector<std::byte>> ranges, results;
  std::vector<const void*> sources;
};

// Returns whether it was shared.
bool reduce_shared(SharedReduce& shared, const Reduction& reduction) {
  shared.begin_call(kShareCallsFrom);
  if (!shared.begin(reduction)) {
    kernels::StoreChoice stores;
    carry_out(reduction, &stores);
    return false;
  }
  while (shared.work()) {
  }
  while (!shared.finish()) std::this_thread::yield();
  return true;
}

Reduction reduction_of(Buffers& buffers, DataType type, ReduceOp op, std::size_t count) {
  Reduction reduction;
  reduction.args.sources = buffers.sources.data();
  reduction.args.n_sources = static_cast<std::int32_t>(buffers.sources.size());
  reduction.args.n_destinations = 2;
  reduction.args.count = count;
  reduction.args.divisor = op == ReduceOp::kAvg ? 7 : 0;
  reduction.reduce = kernels::best_kernels().reduce[static_cast<int>(type)][static_cast<int>(op)];
  reduction.element_bytes = static_cast<std::uint32_t>(kernels::size_of(type));
  return reduction;
}

TEST(SharedReduce, HasTheBitsOfThePortableKernel) {
  SharedReduce shared;
  shared.hire(3, kNobody);
  std::mt19937 random(4711);
  int count_of_tables = 0;
  const kernels::KernelTable& portable = *kernels::all_kernels(&count_of_tables)[0];
  for (int t = 0; t < kernels::kDataTypes; ++t) {
    for (int o = 0; o < kernels::kReduceOps; ++o) {
      const auto type = static_cast<DataType>(t);
      const auto op = static_cast<ReduceOp>(o);
      if (!kernels::has_kernel(type, op)) continue;
      const std::size_t element = kernels::size_of(type);
      const std::size_t count = (kShareFrom + random() % 4096) / element;
      Buffers buffers(3, count * element, random);
      const std::size_t skip = random() % 64 / element * element;
      void* const here[] = {buffers.results[0].data() + skip, buffers.results[1].data()};
      Reduction reduction = reduction_of(buffers, type, op, count);
      reduction.args.destinations = here;
      reduction.past_caches = (t + o) % 2 == 0;
      EXPECT_TRUE(reduce_shared(shared, reduction));

      std::vector<std::byte> expected(count * element);
      void* const there = expected.data();
      kernels::ReduceArgs alone = reduction.args;
      alone.destinations = &there;
      alone.n_destinations = 1;
      portable.reduce[t][o](alone);
      for (int d = 0; d < 2; ++d) {
        EXPECT_EQ(std::memcmp(here[d], expected.data(), expected.size()), 0)
            << name_of(type) << " " << name_of(op) << " destination " << d;
        const auto* const end = static_cast<const std::byte*>(here[d]) + expected.size();
        for (int i = 0; i < 64; ++i) ASSERT_EQ(end[i], std::byte{0x5a}) << "written too far";
      }
    }
  }
}

// Where a source lies where the result goes, the first of them or another; of one source and more.
TEST(Reduction, PastTheCachesHasTheSameBitsInPlace) {
  std::mt19937 random(7);
  kernels::StoreChoice stores;
  for (const std::size_t n_sources : {1, 2, 3}) {
    for (std::size_t at = 0; at < n_sources; ++at) {
      constexpr std::size_t kCount = 100'003;
      Buffers plain(n_sources, kCount * 4, random);
      Buffers buffers = plain;
      for (std::size_t s = 0; s < n_sources; ++s) buffers.sources[s] = buffers.ranges[s].data();
      Reduction expected = reduction_of(plain, DataType::kFloat32, ReduceOp::kSum, kCount);
      Reduction reduction = reduction_of(buffers, DataType::kFloat32, ReduceOp::kSum, kCount);
      void* const there[] = {plain.results[0].data(), plain.results[1].data()};
      void* const here[] = {buffers.results[0].data() + 4, buffers.ranges[at].data()};
      expected.args.destinations = there;
      reduction.args.destinations = here;
      reduction.past_caches = true;
      for (std::size_t s = 0; s < n_sources; ++s) plain.sources[s] = plain.ranges[s].data();
      carry_out(expected, &stores);
      carry_out(reduction, &stores);
      for (void* result : here) EXPECT_EQ(std::memcmp(result, there[0], kCount * 4), 0);
    }
  }
}

TEST(SharedReduce, CutsAnySizeWithoutGapsOrOverlaps) {
  SharedReduce shared;
  shared.hire(2, kNobody);
  std::mt19937 random(1);
  for (int round = 0; round < 60; ++round) {
    const std::size_t bytes = kShareFrom / 2 + random() % (round % 10 == 0 ? 4 << 20 : 65536);
    const std::vector<std::byte> from = random_bytes(bytes, random);
    std::vector<std::byte> to(bytes + 128, std::byte{0x5a});
    const void* const source = from.data();
    void* const destination = to.data() + random() % 64;
    Reduction copy;
    copy.args.sources = &source;
    copy.args.destinations = &destination;
    copy.args.n_sources = copy.args.n_destinations = 1;
    copy.args.count = bytes;
    copy.staging = round % 3 == 0;
    copy.past_caches = round % 3 == 1;
    copy.reduce = kernels::best_kernels().reduce[static_cast<int>(DataType::kUint8)][0];
    ASSERT_TRUE(reduce_shared(shared, copy));
    ASSERT_EQ(std::memcmp(destination, source, bytes), 0) << bytes << " bytes";
    ASSERT_EQ(static_cast<std::byte*>(destination)[bytes], std::byte{0x5a});
  }
}

TEST(SharedReduce, LeavesSmallStepsAndThoseBesideAnotherAlone) {
  SharedReduce shared;
  std::mt19937 random(1);
  Buffers buffers(2, 1 << 20, random);
  void* const here[] = {buffers.results[0].data(), buffers.results[1].data()};
  Reduction large = reduction_of(buffers, DataType::kFloat32, ReduceOp::kSum, 1 << 18);
  large.args.destinations = here;
  shared.begin_call(kShareCallsFrom);
  EXPECT_FALSE(shared.begin(large)) << "nobody was hired";
  shared.hire(1, kNobody);
  Reduction small = large;
  small.args.count = 1024;
  shared.begin_call(kShareCallsFrom);
  EXPECT_FALSE(shared.begin(small));
  shared.begin_call(kShareCallsFrom - 1);
  EXPECT_FALSE(shared.begin(large)) << "a part of a small call";
  shared.begin_call(kShareCallsFrom);
  ASSERT_TRUE(shared.begin(large));
  EXPECT_FALSE(shared.begin(large)) << "one at a time";
  shared.end_call();
  EXPECT_TRUE(shared.begin(large));
  shared.end_call();
}

TEST(SharedReduce, TouchesNothingAfterItWasWithdrawn) {
  SharedReduce shared;
  shared.hire(3, kNobody);
  shared.begin_call(kShareCallsFrom);
  std::mt19937 random(1);
  for (int round = 0; round < 30; ++round) {
    auto buffers = std::make_unique<Buffers>(2, 2 << 20, random);
    void* const here[] = {buffers->results[0].data(), buffers->results[1].data()};
    Reduction large = reduction_of(*buffers, DataType::kFloat32, ReduceOp::kSum, 2 << 18);
    large.args.destinations = here;
    ASSERT_TRUE(shared.begin(large));
    for (int piece = 0; piece < round % 4; ++piece) shared.work();
    shared.end_call();
    std::memset(here[0], 0x11, 2 << 20);  // the caller's again
    buffers.reset();
  }
}

}  // namespace
}  // namespace hfreduce::executor
