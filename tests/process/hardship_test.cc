// What a program meets when its system gives it little: each case is a process of its own.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <new>
#include <string>

#include "harness/skip.h"
#include "harness/team.h"
#include "hfreduce.h"

namespace {
thread_local bool starved = false;  // this thread gets no memory
}

[[gnu::noinline]] void* operator new(std::size_t bytes) {
  void* const memory = starved ? nullptr : std::malloc(bytes != 0 ? bytes : 1);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
[[gnu::noinline]] void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return starved ? nullptr : std::malloc(bytes != 0 ? bytes : 1);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace {

using harness::last_error;

// The exit status of a child that does this; 0: it held.
template <typename Body>
int in_child(Body body) {
  const pid_t child = fork();
  if (child == 0) _exit(body() ? 0 : 1);
  int status = 0;
  waitpid(child, &status, 0);
  return status;
}

TEST(Hardship, WithoutMemoryACallFailsAndTheProcessLives) {
  EXPECT_EQ(in_child([] {
              hfreduceUniqueId id;
              starved = true;
              const hfreduceResult_t result = hfreduceGetUniqueId(&id);
              starved = false;
              return result == hfreduceOutOfMemory && last_error() == "memory could not be had";
            }),
            0);
}

TEST(Hardship, WithoutThreadsInitAllSaysSoAndNoRankWaits) {
  if (getuid() != 0) HFR_SKIP("needs root, to be a user without other processes");
  EXPECT_EQ(in_child([] {
              hfreduceUniqueId id;
              hfreduceGetUniqueId(&id);  // the control thread
              const rlimit few{4, 4};
              hfreduceComm_t comms[9];
              return setuid(54321) == 0 && setrlimit(RLIMIT_NPROC, &few) == 0 &&
                     hfreduceCommInitAll(comms, 9, nullptr) == hfreduceSystemError &&
                     last_error().find("ulimit -u") != std::string::npos;
            }),
            0);
}

TEST(Hardship, ClosedStandardStreamsAreNotOurSockets) {
  EXPECT_EQ(in_child([] {
              for (const int stream : {0, 1, 2}) close(stream);
              hfreduceComm_t comms[2];
              if (hfreduceCommInitAll(comms, 2, nullptr) != hfreduceSuccess) return false;
              return fcntl(0, F_GETFD) < 0 && fcntl(1, F_GETFD) < 0 && fcntl(2, F_GETFD) < 0;
            }),
            0);
}

struct AtTheEnd {
  ~AtTheEnd() {
    for (int i = 0; i < 300; ++i) {
      hfreduceComm_t comms[2];
      if (hfreduceCommInitAll(comms, 2, nullptr) != hfreduceSuccess) _exit(1);
      for (hfreduceComm_t comm : comms) hfreduceCommDestroy(comm);
    }
    _exit(0);
  }
};

TEST(Hardship, CommunicatorsComeAndGoAfterMainHasEnded) {
  EXPECT_EQ(in_child([] {
              static AtTheEnd later;  // goes after what is made from here on
              hfreduceComm_t comms[2];
              for (int i = 0; i < 260; ++i) {
                hfreduceCommInitAll(comms, 2, nullptr);
                for (hfreduceComm_t comm : comms) hfreduceCommDestroy(comm);
              }
              std::exit(1);
              return false;
            }),
            0);
}

TEST(Hardship, AFileSizeLimitIsAnErrorAndNoSignal) {
  EXPECT_EQ(in_child([] {
              const rlimit small{1 << 20, 1 << 20};
              setrlimit(RLIMIT_FSIZE, &small);
              hfreduceComm_t comms[2];
              return hfreduceCommInitAll(comms, 2, nullptr) == hfreduceOutOfMemory &&
                     last_error().find("RLIMIT_FSIZE") != std::string::npos;
            }),
            0);
}

TEST(Hardship, ABadSettingIsNamedThoughOthersSayWhereRankZeroIs) {
  EXPECT_EQ(in_child([] {
              setenv("RANK", "1", 1);
              setenv("WORLD_SIZE", "2", 1);
              setenv("HFREDUCE_ROOT", "192.0.2.1:7000", 1);
              setenv("HFREDUCE_SEGMENT", "abc", 1);
              hfreduceComm_t comm;
              return hfreduceCommInitFromEnv(&comm, nullptr) == hfreduceInvalidArgument &&
                     last_error().find("HFREDUCE_SEGMENT=abc") != std::string::npos;
            }),
            0);
}

TEST(Hardship, ALogThatNobodyReadsKillsNobody) {
  EXPECT_EQ(in_child([] {
              int ends[2];
              if (pipe(ends) != 0 || dup2(ends[1], STDERR_FILENO) < 0) return false;
              close(ends[0]);
              close(ends[1]);
              setenv("HFREDUCE_NO_SUCH_SETTING", "1", 1);  // a warning
              hfreduceUniqueId id;
              return hfreduceGetUniqueId(&id) == hfreduceSuccess;
            }),
            0);
}

TEST(Hardship, WithoutDescriptorsTheRankThatLacksThemIsNamedAtOnce) {
  EXPECT_EQ(in_child([] {
              hfreduceUniqueId id;
              if (hfreduceGetUniqueId(&id) != hfreduceSuccess) return false;
              const int next = dup(0);
              const rlimit none{static_cast<rlim_t>(next), static_cast<rlim_t>(next)};
              close(next);
              setrlimit(RLIMIT_NOFILE, &none);
              hfreduceComm_t comm;
              const hfreduceResult_t result = hfreduceCommInitRank(&comm, 2, id, 1);
              hfreduceErrorInfo_t info = HFREDUCE_ERROR_INFO_INITIALIZER;
              hfreduceCommGetErrorInfo(nullptr, &info);
              return result == hfreduceSystemError && info.rank == 1 &&
                     std::string(info.text).find("ulimit -n") != std::string::npos;
            }),
            0);
}

}  // namespace
