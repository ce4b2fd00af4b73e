#include "transport/shm/doorbell.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <thread>

namespace hfreduce::transport {
namespace {

class DoorbellTest : public testing::Test {
 protected:
  void SetUp() override {
    auto windows = Windows::alone(1 << 16);
    ASSERT_TRUE(windows.ok());
    windows_ = std::move(*windows);
    auto mine = Doorbell::make(windows_.doorbell(0));
    ASSERT_TRUE(mine.ok()) << mine.status().to_string();
    sleeper_ = std::move(*mine);
    auto other = Doorbell::make(other_line_);
    ASSERT_TRUE(other.ok());
    waker_ = std::move(*other);
  }

  DoorbellLine& line() { return windows_.doorbell(0); }
  bool readable(int ms) {
    pollfd poll_for{sleeper_.fd(), POLLIN, 0};
    return poll(&poll_for, 1, ms) == 1;
  }

  Windows windows_;
  DoorbellLine other_line_;
  Doorbell sleeper_, waker_;
};

TEST_F(DoorbellTest, WhoIsAwakeIsNotRungAt) {
  waker_.ring(line());
  EXPECT_EQ(line().rings.load(), 0u);
  EXPECT_FALSE(readable(0));
}

TEST_F(DoorbellTest, ARingBetweenAnnouncementAndSleepIsNotLost) {
  sleeper_.announce(false);
  waker_.ring(line());
  const Nanoseconds before = now_ns();
  sleeper_.sleep_on_futex(5000);
  EXPECT_LT(now_ns() - before, 2'000'000'000);
  sleeper_.awake();
}

TEST_F(DoorbellTest, ASleeperOnAFutexIsWoken) {
  sleeper_.announce(false);
  std::thread waker([this] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    waker_.ring(line());
  });
  const Nanoseconds before = now_ns();
  sleeper_.sleep_on_futex(5000);
  EXPECT_LT(now_ns() - before, 2'000'000'000);
  waker.join();
}

TEST_F(DoorbellTest, ASleeperInEpollIsWokenByItsSocketAndFindsItEmptyAfterwards) {
  sleeper_.announce(true);
  for (int i = 0; i < 3; ++i) waker_.ring(line());
  EXPECT_TRUE(readable(2000));
  sleeper_.awake();
  EXPECT_FALSE(readable(0));
}

// The dance of announcing and ringing, many times over: work that was given is always found.
TEST_F(DoorbellTest, NoWorkIsMissed) {
  constexpr int kRounds = 20'000;
  std::atomic<int> given{0}, taken{0};
  std::thread giver([&] {
    for (int i = 1; i <= kRounds; ++i) {
      given.store(i, std::memory_order_release);
      waker_.ring(line());
      while (taken.load(std::memory_order_acquire) != i) std::this_thread::yield();
    }
  });
  for (int i = 1; i <= kRounds; ++i) {
    const Nanoseconds before = now_ns();
    while (given.load(std::memory_order_acquire) != i) {
      sleeper_.announce(false);
      if (given.load(std::memory_order_acquire) != i) sleeper_.sleep_on_futex(10'000);
      sleeper_.awake();
    }
    ASSERT_LT(now_ns() - before, 9'000'000'000) << "slept through work in round " << i;
    taken.store(i, std::memory_order_release);
  }
  giver.join();
}

}  // namespace
}  // namespace hfreduce::transport
