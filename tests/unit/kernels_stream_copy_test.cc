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

}  // namespace
}  // namespace hfreduce::kernels
