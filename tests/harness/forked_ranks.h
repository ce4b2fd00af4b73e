// Ranks as processes that a test forks, with an environment each. The test itself never calls
// hfreduce.
#pragma once

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <new>
#include <string>
#include <vector>

#include "harness/team.h"
#include "hfreduce.h"

namespace harness {

// What the ranks of one job share before they have a communicator.
struct Meeting {
  std::atomic<int> id_is_there{0};
  hfreduceUniqueId id;
};

inline std::string plan_of(hfreduceComm_t comm) {
  char text[256] = {};
  std::size_t size = sizeof text;
  EXPECT_EQ(hfreduceCommGetInfo(comm, "plan", text, &size), hfreduceSuccess);
  return text;
}

inline void note(hfreduceLogLevel_t, const char*, const char* message, void* user) {
  *static_cast<std::string*>(user) += message;
}

struct Job {
  int ranks = 2;
  std::function<void(int rank)> before = [](int) {};
  // `explained`: of rank 0, what the communicator says about itself.
  std::function<void(int rank, hfreduceComm_t comm, const std::string& explained)> body;
};

inline void be_rank(const Job& job, int rank, Meeting& meeting) {
  setenv("HFREDUCE_EXPLAIN", "1", 1);
  setenv("HFREDUCE_TUNING", "off", 1);
  job.before(rank);
  std::string explained;
  ASSERT_EQ(hfreduceSetLogger(note, &explained), hfreduceSuccess);
  if (rank == 0) {
    ASSERT_EQ(hfreduceGetUniqueId(&meeting.id), hfreduceSuccess) << last_error();
    meeting.id_is_there.store(1);
  }
  while (meeting.id_is_there.load() == 0) usleep(1'000);
  hfreduceComm_t comm = nullptr;
  ASSERT_EQ(hfreduceCommInitRank(&comm, job.ranks, meeting.id, rank), hfreduceSuccess)
      << last_error();
  job.body(rank, comm, explained);
  EXPECT_EQ(hfreduceCommDestroy(comm), hfreduceSuccess);
  hfreduceSetLogger(nullptr, nullptr);
}

inline void run(const Job& job) {
  void* const memory =
      mmap(nullptr, sizeof(Meeting), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  auto* const meeting = new (memory) Meeting;
  std::vector<pid_t> pids;
  for (int rank = 0; rank < job.ranks; ++rank) {
    std::fflush(stdout);
    pids.push_back(fork());
    if (pids.back() != 0) continue;
    be_rank(job, rank, *meeting);
    std::fflush(stdout);
    _exit(testing::Test::HasFailure() ? 1 : 0);
  }
  for (const pid_t pid : pids) {
    int status = 0;
    EXPECT_EQ(waitpid(pid, &status, 0), pid);
    EXPECT_EQ(status, 0) << "see above";
  }
  munmap(memory, sizeof(Meeting));
}

}  // namespace harness
