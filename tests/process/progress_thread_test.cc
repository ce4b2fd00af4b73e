// When the process's progress thread is woken, when it looks by itself, and that no request is
// forgotten between the two.
#include <gtest/gtest.h>

#include <chrono>
#include <random>
#include <thread>

#include "executor/driver.h"
#include "harness/cpu_time.h"
#include "harness/team.h"

namespace {

using harness::last_error;
using harness::Team;

// One number of each rank, summed over and over by a persistent request.
class Sum {
 public:
  explicit Sum(hfreduceComm_t comm) {
    EXPECT_EQ(hfreduceAllReduceInit(&mine_, &all_, 1, hfreduceInt32, hfreduceSum, comm, nullptr,
                                    &request_),
              hfreduceSuccess)
        << last_error();
  }
  ~Sum() { EXPECT_EQ(hfreduceRequestFree(request_), hfreduceSuccess); }
  Sum(const Sum&) = delete;
  Sum& operator=(const Sum&) = delete;

  void start(int mine) {
    mine_ = mine;
    all_ = -1;
    EXPECT_EQ(hfreduceRequestStart(request_), hfreduceSuccess) << last_error();
  }
  int wait() {
    EXPECT_EQ(hfreduceRequestWait(request_), hfreduceSuccess);
    return all_;
  }
  // Without driving it.
  int watch() {
    int done = 0;
    while (done == 0) {
      EXPECT_EQ(hfreduceRequestTest(request_, &done), hfreduceSuccess);
      std::this_thread::yield();
    }
    return all_;
  }

 private:
  int mine_ = 0, all_ = -1;
  hfreduceRequest_t request_ = nullptr;
};

void start_and_wait(const Team& team, int rounds) {
  team.each([rounds](int rank, hfreduceComm_t comm) {
    Sum sum(comm);
    for (int round = 0; round < rounds; ++round) {
      sum.start(rank + round);
      ASSERT_EQ(sum.wait(), 1 + 2 * round);
    }
  });
}

// A batch during which this machine had no core for us for milliseconds on end proves nothing.
TEST(ProgressThread, IsNotWokenByEachOfManyRequestsThatAreWaitedFor) {
  constexpr int kRounds = 1000, kBatches = 50;
  Team team(2);
  std::uint64_t fewest = 2 * kRounds;
  for (int batch = 0; batch < kBatches && fewest > kRounds / 10; ++batch) {
    const std::uint64_t before = hfreduce::executor::background_tellings();
    start_and_wait(team, kRounds);
    fewest = std::min(fewest, hfreduce::executor::background_tellings() - before);
  }
  EXPECT_LE(fewest, kRounds / 10u);
}

// Pauses end while it lingers, while it goes to sleep, and when it is asleep; and it has been
// called for nothing, or for work.
TEST(ProgressThread, ForgetsNoRequestWhateverItWasDoing) {
  constexpr int kRounds = 400;
  Team team(2);
  team.each([](int rank, hfreduceComm_t comm) {
    Sum sum(comm);
    std::mt19937 random(static_cast<unsigned>(rank + 1));
    for (int round = 0; round < kRounds; ++round) {
      if (round % 4 != 0) {
        const auto pause = std::chrono::microseconds(random() % 3000);
        std::this_thread::sleep_for(pause);
      }
      for (int waited = 0; waited < round % 3; ++waited) {
        sum.start(rank + round);
        ASSERT_EQ(sum.wait(), 1 + 2 * round);
      }
      sum.start(rank + round);
      ASSERT_EQ(sum.watch(), 1 + 2 * round);
    }
  });
}

// What a communicator leaves behind when it is destroyed at once is found by the sanitizers.
TEST(ProgressThread, LetsGoOfACommunicatorAtAnyTime) {
  Team other(2);
  for (int turn = 0; turn < 20; ++turn) {
    start_and_wait(other, turn % 2);
    Team team(2);
    start_and_wait(team, turn % 5);
  }
}

TEST(ProgressThread, SleepsWhenTheRequestsHaveEnded) {
  Team team(2);
  start_and_wait(team, 100);
  const long before = harness::cpu_time_us();
  std::this_thread::sleep_for(std::chrono::seconds(1));
  EXPECT_LT(harness::cpu_time_us() - before, 10'000) << "microseconds of a second";
}

}  // namespace
