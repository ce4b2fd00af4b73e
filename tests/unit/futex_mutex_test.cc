#include "base/futex_mutex.h"

#include <gtest/gtest.h>

#include <chrono>
#include <mutex>
#include <thread>
#include <vector>

namespace hfreduce {
namespace {

TEST(FutexMutex, LetsOneIn) {
  FutexMutex mutex;
  EXPECT_TRUE(mutex.try_lock());
  EXPECT_FALSE(mutex.try_lock());
  mutex.unlock();
  EXPECT_TRUE(mutex.try_lock());
  mutex.unlock();
}

TEST(FutexMutex, CountsOfManyThreadsAreNotLost) {
  constexpr int kThreads = 4, kTurns = 50'000;
  FutexMutex mutex;
  long count = 0;  // plain: only the mutex keeps it whole
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&] {
      for (int turn = 0; turn < kTurns; ++turn) {
        const std::lock_guard lock(mutex);
        ++count;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(count, long{kThreads} * kTurns);
}

// More than one sleeps, and each is woken in its turn.
TEST(FutexMutex, WakesAllWhoSleep) {
  FutexMutex mutex;
  mutex.lock();
  std::atomic<int> entered{0};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 3; ++thread) {
    threads.emplace_back([&] {
      const std::lock_guard lock(mutex);
      ++entered;
    });
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // for them to have gone to sleep
  EXPECT_EQ(entered, 0);
  mutex.unlock();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(entered, 3);
}

}  // namespace
}  // namespace hfreduce
