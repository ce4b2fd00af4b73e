#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "kernels/cpu/stream_copy.h"

namespace hfreduce::kernels {
namespace {

TEST(StreamCopy, CopiesEveryLengthFromAndToEveryAlignmentAndNothingElse) {
  std::vector<unsigned char> source(700);
  std::iota(source.begin(), source.end(), static_cast<unsigned char>(1));
  for (std::size_t length = 0; length <= 400; length += length < 140 ? 1 : 13) {
    for (std::size_t shift = 0; shift < 64; shift += 3) {
      alignas(64) unsigned char buffer[640];
      std::fill(std::begin(buffer), std::end(buffer), 0xee);
      copy_past_caches(buffer + 64 + shift, source.data() + shift % 7, length);
      for (std::size_t i = 0; i < sizeof buffer; ++i) {
        const std::size_t begin = 64 + shift;
        const bool inside = i >= begin && i < begin + length;
        ASSERT_EQ(buffer[i], inside ? source[shift % 7 + i - begin] : 0xee)
            << "length " << length << ", shift " << shift << ", at " << i;
      }
    }
  }
}

// Copies of which every one takes `ns`; returns how many of them streamed.
int streamed(StoreChoice* choice, int copies, std::int64_t ns) {
  int streams = 0;
  for (int i = 0; i < copies; ++i) {
    if (choice->streams())
      ++streams;
    else if (choice->is_timed())
      choice->took(8192, ns);
  }
  return streams;
}

TEST(StoreChoice, StaysWithPlainStoresThatAreFast) {
  StoreChoice choice(true);
  EXPECT_EQ(streamed(&choice, 10'000, 800), 0);
}

TEST(StoreChoice, ASlowCopyAmongFastOnesIsAnInterruption) {
  StoreChoice choice(true);
  int timed = 0;
  for (int i = 0; i < 10'000; ++i) {
    ASSERT_FALSE(choice.streams());
    if (choice.is_timed()) choice.took(8192, ++timed % 2 == 0 ? 1'000'000 : 800);
  }
  EXPECT_GT(timed, 100);
}

TEST(StoreChoice, StreamsWherePlainStoresAreSlowAndAsksAgain) {
  StoreChoice choice(true);
  const int streams = streamed(&choice, 100'000, 4'000);
  EXPECT_GT(streams, 99'000);
  EXPECT_LT(streams, 100'000);
  // The cores have moved next to each other.
  streamed(&choice, 10'000, 800);
  EXPECT_EQ(streamed(&choice, 10'000, 800), 0);
}

TEST(StoreChoice, WhereNothingStreamsPeersReadWhileCopiesAreSlow) {
  StoreChoice choice(false);
  EXPECT_FALSE(choice.better_read()) << "nothing was timed yet";
  EXPECT_EQ(streamed(&choice, 1'000, 4'000), 0);
  int reads = 0;
  for (int i = 0; i < 320; ++i) reads += choice.better_read();
  EXPECT_EQ(reads, 310) << "now and then a call is staged, to be timed";
  EXPECT_EQ(streamed(&choice, 1'000, 400), 0);
  EXPECT_FALSE(choice.better_read());
}

}  // namespace
}  // namespace hfreduce::kernels
