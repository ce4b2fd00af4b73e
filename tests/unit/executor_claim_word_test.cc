// Every chunk of every iteration is taken once and done before anybody goes on.
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "executor/claim_word.h"

namespace hfreduce::executor {
namespace {

TEST(ClaimWord, CountsEachIterationFromNothing) {
  ClaimWord word{0};
  EXPECT_FALSE(all_done(word, 0, 3));
  EXPECT_EQ(take(word, 0, 3, 2).count, 2u);
  const Claim last = take(word, 0, 3, 2);
  EXPECT_EQ(last.first, 2u);
  EXPECT_EQ(last.count, 1u);
  EXPECT_EQ(take(word, 0, 3, 2).count, 0u);
  give(word, 1);
  EXPECT_FALSE(all_done(word, 0, 3)) << "two are in hand";
  give(word, 2);
  EXPECT_TRUE(all_done(word, 0, 3));
  EXPECT_FALSE(all_done(word, 1, 3));
  EXPECT_EQ(take(word, 7, 3, 9).count, 3u) << "iterations may be passed over";
  EXPECT_TRUE(all_done(word, 0, 3)) << "what is past was done";
  EXPECT_EQ(take(word, 0, 3, 9).count, 0u) << "and is not done again";
}

TEST(ClaimWord, CountsAsManyChunksAsThereMayBe) {
  ClaimWord word{0};
  EXPECT_EQ(take(word, 5, schedule::kMostClaimed, 1000).count, 255u);
  EXPECT_EQ(take(word, 5, schedule::kMostClaimed, 1).count, 0u);
  give(word, 255);
  EXPECT_TRUE(all_done(word, 5, schedule::kMostClaimed));
  EXPECT_FALSE(all_done(word, 6, 1));
}

// A peer may write anything.
TEST(ClaimWord, NeverGivesAChunkThatThereIsNot) {
  std::uint64_t junk = 0x9e3779b97f4a7c15;
  for (int i = 0; i < 100'000; ++i) {
    junk = junk * 6364136223846793005 + 1442695040888963407;
    ClaimWord word{i % 2 == 0 ? junk : (junk & 0xffff) | 4 << 16};
    const Claim claim = take(word, 3, 32, 1 + junk % 40);
    ASSERT_LE(claim.first + claim.count, 32u);
  }
}

TEST(ClaimWord, ManyTakeAndEachChunkIsTakenOnce) {
  constexpr std::uint32_t kChunks = 32;
  constexpr std::uint64_t kIterations = 2'000;
  ClaimWord word{0};
  std::vector<std::uint64_t> sums(kChunks);  // written by whoever has the chunk
  const auto rank = [&] {
    for (std::uint64_t iteration = 0; iteration < kIterations; ++iteration) {
      while (!all_done(word, iteration, kChunks)) {
        const Claim claim = take(word, iteration, kChunks, 3);
        for (std::uint32_t i = 0; i < claim.count; ++i) sums[claim.first + i] += iteration;
        if (claim.count != 0)
          give(word, claim.count);
        else
          std::this_thread::yield();
      }
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back(rank);
  for (std::thread& thread : threads) thread.join();
  for (const std::uint64_t sum : sums) EXPECT_EQ(sum, kIterations * (kIterations - 1) / 2);
}

}  // namespace
}  // namespace hfreduce::executor
