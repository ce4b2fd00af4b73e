// The pool of workers by itself: pieces are done once, and nobody is at one after a withdrawal.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "workers/pool.h"

namespace hfreduce::workers {
namespace {

constexpr std::int32_t kThreads = 3;

// Counts how often each of its pieces was done; by whom.
class Counting {
 public:
  explicit Counting(std::uint32_t pieces, std::chrono::microseconds takes = {})
      : times_(pieces), takes_(takes) {}

  Desk::Job job() const { return {&count, this, static_cast<std::uint32_t>(times_.size())}; }
  bool all_once() const {
    for (const int times : times_)
      if (times != 1) return false;
    return true;
  }
  int sum() const {
    int sum = 0;
    for (const int times : times_) sum += times;
    return sum;
  }
  int by_others() const { return by_others_.load(); }

 private:
  static void count(const void* self, std::uint32_t number) noexcept {
    const auto& counting = *static_cast<const Counting*>(self);
    if (counting.takes_.count() != 0) std::this_thread::sleep_for(counting.takes_);
    // Not atomic: the thread sanitizer sees whether it is handed over rightly.
    ++counting.times_[number];
    if (std::this_thread::get_id() != counting.owner_) counting.by_others_.fetch_add(1);
  }

  mutable std::vector<int> times_;
  std::chrono::microseconds takes_;
  std::thread::id owner_ = std::this_thread::get_id();
  mutable std::atomic<int> by_others_{0};
};

struct Bell {
  mutable std::atomic<int> rings{0};

  static void ring(const void* self) noexcept {
    static_cast<const Bell*>(self)->rings.fetch_add(1);
  }
  Desk::Owner owner() const { return {&ring, this}; }
};

void finish(Desk& desk) {
  while (desk.work()) {
  }
  while (!desk.done()) std::this_thread::yield();
  desk.close();
}

TEST(Workers, DoEachPieceOnceWhoeverTakesIt) {
  const Bell bell;
  const Lease desk = Pool::instance().lease(bell.owner());
  Crew& crew = Pool::instance().crew_here(kThreads);
  for (int round = 0; round < 300; ++round) {
    const Counting pieces(1 + static_cast<std::uint32_t>(round * 7 % 200));
    desk->open(pieces.job(), crew);
    finish(*desk);
    ASSERT_TRUE(pieces.all_once()) << "round " << round;
  }
}

TEST(Workers, DoWhatTheOwnerDoesNotAndTellIt) {
  const Bell bell;
  const Lease desk = Pool::instance().lease(bell.owner());
  Crew& crew = Pool::instance().crew_here(kThreads);
  for (int round = 1; round <= 20; ++round) {
    const Counting pieces(10);
    desk->open(pieces.job(), crew);
    while (!desk->done()) std::this_thread::yield();
    EXPECT_EQ(pieces.by_others(), 10);
    while (bell.rings.load() < round) std::this_thread::yield();
    desk->close();
    EXPECT_TRUE(pieces.all_once());
    if (round % 5 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));  // all asleep
  }
  EXPECT_EQ(bell.rings.load(), 20);
}

TEST(Workers, AreAtNothingAfterAWithdrawal) {
  const Bell bell;
  const Lease desk = Pool::instance().lease(bell.owner());
  Crew& crew = Pool::instance().crew_here(kThreads);
  int withdrawn_early = 0;
  for (int round = 0; round < 50; ++round) {
    auto pieces = std::make_unique<Counting>(64, std::chrono::microseconds(20));
    desk->open(pieces->job(), crew);
    desk->work();
    if (round % 2 == 0) std::this_thread::sleep_for(std::chrono::microseconds(50 * round % 400));
    desk->withdraw();
    EXPECT_TRUE(desk->empty());
    const int done = pieces->sum();
    withdrawn_early += done < 64 ? 1 : 0;
    pieces.reset();  // a worker that came now would touch freed memory
  }
  EXPECT_GT(withdrawn_early, 0);
  const Counting after(5);
  desk->open(after.job(), crew);
  finish(*desk);
  EXPECT_TRUE(after.all_once());
}

TEST(Workers, ServeSeveralOwnersAtOnce) {
  std::vector<std::thread> owners;
  for (int owner = 0; owner < 4; ++owner) {
    owners.emplace_back([owner] {
      for (int life = 0; life < 5; ++life) {
        const Bell bell;  // gone when the lease has ended
        const Lease desk = Pool::instance().lease(bell.owner());
        Crew& crew = Pool::instance().crew_here(kThreads);
        for (int round = 0; round < 40; ++round) {
          const Counting pieces(1 + static_cast<std::uint32_t>((owner + round) % 30));
          desk->open(pieces.job(), crew);
          if (round % 10 == 9) {
            desk->withdraw();
            continue;
          }
          finish(*desk);
          EXPECT_TRUE(pieces.all_once());
        }
      }
    });
  }
  for (std::thread& owner : owners) owner.join();
}

TEST(Workers, HaveSoManyDesksAndNoMore) {
  const Bell bell;
  std::vector<Lease> leases;
  while (Lease lease = Pool::instance().lease(bell.owner())) leases.push_back(std::move(lease));
  EXPECT_GT(leases.size(), 16u);
  leases.pop_back();
  EXPECT_NE(Pool::instance().lease(bell.owner()), nullptr);
}

#ifndef __SANITIZE_THREAD__  // which does not let a forked child start threads
TEST(Workers, StartAnewInAForkedChild) {
  const Bell bell;
  Pool::instance().crew_here(kThreads);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const Lease desk = Pool::instance().lease(bell.owner());
    Crew& crew = Pool::instance().crew_here(1);
    const Counting pieces(8);
    desk->open(pieces.job(), crew);
    while (!desk->done()) std::this_thread::yield();
    desk->close();
    _exit(pieces.by_others() == 8 ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
#endif

}  // namespace
}  // namespace hfreduce::workers
