// Ranks with workers through the C API: the same bits as without, several ranks and communicators
// of one process at once, and nobody in the caller's buffers after a call that was aborted.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "harness/team.h"
#include "hfreduce.h"

namespace {

using harness::last_error;
using harness::Team;

constexpr std::size_t kCount = 3 * 1024 * 1024 / 4 + 13;  // floats; more than 2 MiB

int workers_of_this_process() {
  int count = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream file(task.path() / "comm");
    std::string name;
    if (std::getline(file, name) && name == "hfr-worker") ++count;
  }
  return count;
}

// Read when a communicator is made.
class Workers {
 public:
  explicit Workers(const char* number) { setenv("HFREDUCE_WORKERS", number, 1); }
  ~Workers() { unsetenv("HFREDUCE_WORKERS"); }
};

// Memory that can be taken away from whoever still uses it.
class Pages {
 public:
  explicit Pages(std::size_t bytes)
      : bytes_(bytes),
        memory_(mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {}
  ~Pages() { munmap(memory_, bytes_); }
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;
  float* floats() { return static_cast<float*>(memory_); }
  void take_away() { ASSERT_EQ(mprotect(memory_, bytes_, PROT_NONE), 0); }

 private:
  std::size_t bytes_;
  void* memory_;
};

float value(int rank, std::size_t i, int salt) {
  return static_cast<float>(rank + 1) * 0.1f +
         static_cast<float>((i * 7 + static_cast<std::size_t>(salt)) % 1001) * 0.3f;
}

// What each rank gets of a sum of floats that are rounded, and of a broadcast.
std::vector<std::vector<float>> results(const Team& team, int salt) {
  std::vector<std::vector<float>> all(static_cast<std::size_t>(team.size()) * 2);
  team.each([&](int rank, hfreduceComm_t comm) {
    std::vector<float> in(kCount), sum(kCount), copy(kCount);
    for (std::size_t i = 0; i < kCount; ++i) in[i] = value(rank, i, salt);
    EXPECT_EQ(hfreduceAllReduce(in.data(), sum.data(), kCount, hfreduceFloat32, hfreduceAvg, comm,
                                nullptr),
              hfreduceSuccess)
        << last_error();
    EXPECT_EQ(hfreduceBroadcast(in.data(), copy.data(), kCount, hfreduceFloat32, 1, comm, nullptr),
              hfreduceSuccess)
        << last_error();
    all[static_cast<std::size_t>(rank) * 2] = std::move(sum);
    all[static_cast<std::size_t>(rank) * 2 + 1] = std::move(copy);
  });
  return all;
}

TEST(Workers, ChangeNoBitAndAreThereOnlyWhereAskedFor) {
  const int before = workers_of_this_process();
  std::vector<std::vector<float>> without;
  {
    const Workers none("0");
    const Team team(2);
    without = results(team, 5);
    ASSERT_EQ(workers_of_this_process(), before);
  }
  const Workers some("2");
  const Team team(2);
  ASSERT_EQ(workers_of_this_process(), before) << "none before there is work";
  EXPECT_TRUE(results(team, 5) == without);
  // Two for each of two ranks, once they have given themselves their name.
  while (workers_of_this_process() < 4) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(without[1][77], value(1, 77, 5));
}

TEST(Workers, ServeSeveralCommunicatorsAtOnce) {
  const Workers some("1");
  const Team one(2), two(3);
  const auto first = results(one, 1), second = results(two, 2);
  for (int round = 0; round < 5; ++round) {
    std::vector<std::vector<float>> beside;
    std::thread other([&] { beside = results(two, 2); });
    EXPECT_TRUE(results(one, 1) == first);
    other.join();
    EXPECT_TRUE(beside == second);
  }
}

// Of hfreduceMemAlloc, so one large step; ordinary pages, so many small ones.
TEST(Workers, AreInNobodysBuffersAfterAnAbort) {
  constexpr std::size_t kBytes = 32 << 20;
  const Workers some("3");
  for (int round = 0; round < 12; ++round) {
    const Team team(2);
    std::atomic<int> begun{0};
    team.each([&](int rank, hfreduceComm_t comm) {
      Pages in(kBytes), out(kBytes);
      std::memset(in.floats(), 0, kBytes);
      ++begun;
      std::thread aborter;
      if (rank == 0) {
        aborter = std::thread([&] {
          while (begun.load() < 2) std::this_thread::yield();
          std::this_thread::sleep_for(std::chrono::microseconds(700 * round));
          hfreduceCommAbort(comm);
        });
      }
      const auto result = hfreduceAllReduce(in.floats(), out.floats(), kBytes / 4, hfreduceFloat32,
                                            hfreduceSum, comm, nullptr);
      in.take_away();  // whoever is still at it crashes
      out.take_away();
      EXPECT_TRUE(result == hfreduceSuccess || result == hfreduceAborted) << last_error();
      if (aborter.joinable()) aborter.join();
    });
  }
}

}  // namespace
