#include "comm/cores.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <vector>

namespace hfreduce::comm {
namespace {

TEST(Cores, AreCountedOnceInAllMasks) {
  EXPECT_EQ(cores_in(std::vector<std::string>{"1", "1"}), 1) << "two ranks bound to one core";
  EXPECT_EQ(cores_in(std::vector<std::string>{"1", "2"}), 2) << "each bound to one";
  EXPECT_EQ(cores_in(std::vector<std::string>{"ff", "f"}), 8);
  EXPECT_EQ(cores_in(std::vector<std::string>{"0001", ""}), 1);
  EXPECT_EQ(cores_in({}), 0);
}

TEST(Cores, AMaskSaysWhereThisProcessMayRun) {
  cpu_set_t before, one;
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  EXPECT_EQ(cores_in(std::vector<std::string>{core_mask()}), CPU_COUNT(&before));
  int last = CPU_SETSIZE - 1;
  while (!CPU_ISSET(last, &before)) --last;
  CPU_ZERO(&one);
  CPU_SET(last, &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_EQ(core_mask(), std::string(static_cast<std::size_t>(last) / 4, '0') + "1248"[last % 4]);
  ASSERT_EQ(sched_setaffinity(0, sizeof before, &before), 0);
}

}  // namespace
}  // namespace hfreduce::comm
