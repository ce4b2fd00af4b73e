// The C API besides its calls: making, splitting, asking and ending communicators, with the ranks
// as threads of one process.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "harness/cpu_time.h"
#include "harness/team.h"
#include "hfreduce.h"

namespace {

using harness::last_error;
using harness::Team;
using testing::HasSubstr;

TEST(Communicators, SplitFormsCommunicatorsByColorAndKey) {
  Team team(5);
  team.each([](int rank, hfreduceComm_t comm) {
    hfreduceComm_t part = nullptr;
    const int color = rank == 4 ? HFREDUCE_SPLIT_NOCOLOR : rank % 2;
    ASSERT_EQ(hfreduceCommSplit(comm, color, -rank, &part, nullptr), hfreduceSuccess)
        << last_error();
    if (rank == 4) {
      EXPECT_EQ(part, nullptr);
      return;
    }
    int size = 0, mine = -1, sum = rank;
    EXPECT_EQ(hfreduceCommCount(part, &size), hfreduceSuccess);
    EXPECT_EQ(hfreduceCommUserRank(part, &mine), hfreduceSuccess);
    EXPECT_EQ(size, 2);
    EXPECT_EQ(mine, rank < 2 ? 1 : 0);
    EXPECT_EQ(hfreduceAllReduce(&sum, &sum, 1, hfreduceInt32, hfreduceSum, part, nullptr),
              hfreduceSuccess);
    EXPECT_EQ(sum, rank % 2 == 0 ? 2 : 4);
    EXPECT_EQ(hfreduceCommDestroy(part), hfreduceSuccess);
  });
}

TEST(Communicators, AForkedChildIsRefusedAndTheParentGoesOn) {
  Team team(2);
  const pid_t child = fork();
  if (child == 0) {
    int data = 1;
    const bool refused = hfreduceAllReduce(&data, &data, 1, hfreduceInt32, hfreduceSum, team[0],
                                           nullptr) == hfreduceInvalidUsage &&
                         hfreduceCommDestroy(team[1]) == hfreduceInvalidUsage;
    _exit(refused ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  team.each([](int, hfreduceComm_t comm) {
    int one = 1;
    EXPECT_EQ(hfreduceAllReduce(&one, &one, 1, hfreduceInt32, hfreduceSum, comm, nullptr),
              hfreduceSuccess)
        << last_error();
  });
}

// Whatever algorithms eight local ranks use, their slots stay within what was promised.
TEST(Communicators, MemoryIsBoundedAndReported) {
  Team team(8);
  team.each([](int, hfreduceComm_t comm) {
    std::vector<float> data(200000);
    for (const char* name : {"one-shot", "two-shot", "ring", "double-tree", "hierarchical-ring",
                             "hierarchical-tree"}) {
      hfreduceCallConfig_t call = HFREDUCE_CALL_CONFIG_INITIALIZER;
      call.algorithm = name;
      ASSERT_EQ(hfreduceAllReduceEx(data.data(), data.data(), data.size(), hfreduceFloat32,
                                    hfreduceSum, comm, &call),
                hfreduceSuccess);
    }
    char text[256];
    std::size_t size = sizeof text;
    ASSERT_EQ(hfreduceCommGetInfo(comm, "memory", text, &size), hfreduceSuccess);
    long slots = 0;
    ASSERT_EQ(std::sscanf(text, R"({"slots_bytes_at_most":%ld)", &slots), 1) << text;
    EXPECT_GT(slots, 1 << 20);
    EXPECT_LE(slots, 16 << 20);
    EXPECT_THAT(text, HasSubstr(R"("allocated":[])"));
  });
  void* pages = nullptr;  // of all ranks: they share this process
  ASSERT_EQ(hfreduceMemAlloc(&pages, 1, nullptr), hfreduceSuccess);
  team.each([](int, hfreduceComm_t comm) {
    char text[256];
    std::size_t size = sizeof text;
    ASSERT_EQ(hfreduceCommGetInfo(comm, "memory", text, &size), hfreduceSuccess);
    EXPECT_THAT(text, HasSubstr(R"("allocated":[{"page_bytes":)"));
  });
  EXPECT_EQ(hfreduceMemFree(pages), hfreduceSuccess);
}

// Time that the process spends while its communicators have nothing to do.
TEST(Communicators, AnIdleCommunicatorBurnsNoCpu) {
  Team team(4);
  team.each([](int, hfreduceComm_t comm) {
    int one = 1;
    EXPECT_EQ(hfreduceAllReduce(&one, &one, 1, hfreduceInt32, hfreduceSum, comm, nullptr),
              hfreduceSuccess);
  });
  const long before = harness::cpu_time_us();
  std::this_thread::sleep_for(std::chrono::seconds(1));
  EXPECT_LT(harness::cpu_time_us() - before, 10'000) << "microseconds of a second";
}

TEST(Communicators, InfoAsksAndAnswers) {
  Team team(2);
  std::size_t size = 0;
  ASSERT_EQ(hfreduceCommGetInfo(team[0], "links", nullptr, &size), hfreduceSuccess);
  std::vector<char> text(size);
  std::size_t small = size - 1;
  text[0] = '!';
  EXPECT_EQ(hfreduceCommGetInfo(team[0], "links", text.data(), &small), hfreduceInvalidArgument);
  EXPECT_EQ(text[0], '!');
  ASSERT_EQ(hfreduceCommGetInfo(team[0], "links", text.data(), &size), hfreduceSuccess);
  EXPECT_THAT(text.data(), HasSubstr("shared memory"));
  EXPECT_EQ(hfreduceCommGetInfo(team[0], "weather", nullptr, &size), hfreduceInvalidArgument);
}

TEST(Communicators, TheCallersLoggerGetsTheLines) {
  std::vector<std::string> lines;
  const hfreduceLogFn collect = [](hfreduceLogLevel_t level, const char* part, const char* message,
                                   void* user) {
    EXPECT_EQ(level, hfreduceLogWarn);
    static_cast<std::vector<std::string>*>(user)->push_back(std::string(part) + ": " + message);
  };
  ASSERT_EQ(hfreduceSetLogger(collect, &lines), hfreduceSuccess);
  setenv("HFREDUCE_CHEKSUM", "1", 1);
  hfreduceUniqueId id;
  EXPECT_EQ(hfreduceGetUniqueId(&id), hfreduceSuccess);
  unsetenv("HFREDUCE_CHEKSUM");
  ASSERT_EQ(hfreduceSetLogger(nullptr, nullptr), hfreduceSuccess);
  EXPECT_THAT(lines, testing::ElementsAre(HasSubstr("did you mean HFREDUCE_CHECKSUM?")));
}

TEST(Communicators, InitAllTakesHostRanksAndRefusesDevicesByName) {
  hfreduceComm_t comms[2];
  const int host[] = {HFREDUCE_DEVICE_HOST, HFREDUCE_DEVICE_HOST};
  ASSERT_EQ(hfreduceCommInitAll(comms, 2, host), hfreduceSuccess) << last_error();
  int device = 7;
  EXPECT_EQ(hfreduceCommDevice(comms[0], &device), hfreduceSuccess);
  EXPECT_EQ(device, HFREDUCE_DEVICE_HOST);
  for (hfreduceComm_t comm : comms) EXPECT_EQ(hfreduceCommDestroy(comm), hfreduceSuccess);
  const int mixed[] = {HFREDUCE_DEVICE_HOST, 3};
  EXPECT_NE(hfreduceCommInitAll(comms, 2, mixed), hfreduceSuccess);
  EXPECT_THAT(last_error(), HasSubstr("device 3"));
  EXPECT_EQ(comms[0], nullptr);
  EXPECT_EQ(comms[1], nullptr);
  EXPECT_EQ(hfreduceCommInitAll(comms, 0, nullptr), hfreduceInvalidArgument);
  EXPECT_EQ(hfreduceCommInitAll(nullptr, 1, nullptr), hfreduceInvalidArgument);
}

// A program that was compiled against an older header has shorter structs; one that did not
// initialise its struct is told so.
TEST(Communicators, StructsOfAnOlderHeaderAreTakenAndUninitialisedOnesRefused) {
  hfreduceUniqueId id;
  ASSERT_EQ(hfreduceGetUniqueId(&id), hfreduceSuccess);
  hfreduceConfig_t config = HFREDUCE_CONFIG_INITIALIZER;
  config.size = offsetof(hfreduceConfig_t, timeout_ms);
  config.timeout_ms = -5;  // beyond the caller's version of the struct: not looked at
  hfreduceComm_t comm = nullptr;
  ASSERT_EQ(hfreduceCommInitRankConfig(&comm, 1, id, 0, &config), hfreduceSuccess) << last_error();
  EXPECT_EQ(hfreduceCommDestroy(comm), hfreduceSuccess);
  config.size = sizeof config;
  EXPECT_EQ(hfreduceCommInitRankConfig(&comm, 1, id, 0, &config), hfreduceInvalidArgument);
  EXPECT_THAT(last_error(), HasSubstr("timeout_ms -5"));
  EXPECT_EQ(comm, nullptr);
  config.magic = 0;
  EXPECT_EQ(hfreduceCommInitRankConfig(&comm, 1, id, 0, &config), hfreduceInvalidArgument);
  EXPECT_THAT(last_error(), HasSubstr("HFREDUCE_CONFIG_INITIALIZER"));
}

TEST(Communicators, FinalizeWaitsForWhatWasStartedAndEndsTheCommunicatorsUse) {
  Team team(2);
  team.each([](int, hfreduceComm_t comm) {
    std::vector<int> data(100000, 1);
    hfreduceRequest_t request = nullptr;
    hfreduceCallConfig_t call = HFREDUCE_CALL_CONFIG_INITIALIZER;
    call.request = &request;
    ASSERT_EQ(hfreduceAllReduceEx(data.data(), data.data(), data.size(), hfreduceInt32, hfreduceSum,
                                  comm, &call),
              hfreduceSuccess);
    EXPECT_EQ(hfreduceCommFinalize(comm), hfreduceSuccess);
    int done = 0;
    EXPECT_EQ(hfreduceRequestTest(request, &done), hfreduceSuccess);
    EXPECT_EQ(done, 1);
    EXPECT_THAT(data, testing::Each(2));
    EXPECT_EQ(hfreduceRequestFree(request), hfreduceSuccess);
    EXPECT_EQ(
        hfreduceAllReduce(data.data(), data.data(), 1, hfreduceInt32, hfreduceSum, comm, nullptr),
        hfreduceInvalidUsage);
  });
}

TEST(Communicators, WhatIsNotBuiltYetSaysSoByName) {
  EXPECT_EQ(hfreduceCommShrink(nullptr, nullptr, 0, nullptr, nullptr, 0), hfreduceNotSupported);
  EXPECT_THAT(last_error(), HasSubstr("hfreduceCommShrink"));
}

TEST(Communicators, HostMemoryComesAndGoes) {
  void* memory = nullptr;
  ASSERT_EQ(hfreduceMemAlloc(&memory, 1 << 20, nullptr), hfreduceSuccess) << last_error();
  std::memset(memory, 1, 1 << 20);
  EXPECT_EQ(hfreduceMemFree(memory), hfreduceSuccess);
  EXPECT_EQ(hfreduceMemFree(memory), hfreduceInvalidArgument);
  EXPECT_EQ(hfreduceMemFree(nullptr), hfreduceSuccess);
}

TEST(Communicators, AGroupWithARefusedJoinStartsNothing) {
  hfreduceUniqueId id;
  ASSERT_EQ(hfreduceGetUniqueId(&id), hfreduceSuccess);
  hfreduceComm_t comms[2];
  ASSERT_EQ(hfreduceGroupStart(), hfreduceSuccess);
  EXPECT_EQ(hfreduceCommInitRank(&comms[0], 2, id, 0), hfreduceSuccess);
  EXPECT_EQ(hfreduceCommInitRank(&comms[1], 2, id, 2), hfreduceInvalidArgument);
  EXPECT_EQ(hfreduceGroupEnd(), hfreduceInvalidArgument);
}

TEST(Communicators, MoreRanksThanThereCanBeAreRefused) {
  hfreduceUniqueId id;
  ASSERT_EQ(hfreduceGetUniqueId(&id), hfreduceSuccess);
  hfreduceComm_t comm;
  EXPECT_EQ(hfreduceCommInitRank(&comm, 0x7fffffff, id, 0), hfreduceInvalidArgument);
  EXPECT_THAT(last_error(), HasSubstr("from 1 to 1048576"));
}

TEST(Communicators, ASplitThatOneRankGaveUpHasFailedTheCommunicator) {
  Team team(2);
  hfreduceConfig_t config = HFREDUCE_CONFIG_INITIALIZER;
  config.init_timeout_ms = 300;
  hfreduceComm_t child = nullptr;
  EXPECT_EQ(hfreduceCommSplit(team[0], 0, 0, &child, &config), hfreduceTimeout);
  EXPECT_EQ(hfreduceCommSplit(team[0], 0, 0, &child, nullptr), hfreduceTimeout);
  EXPECT_EQ(hfreduceCommSplit(team[1], 0, 0, &child, nullptr), hfreduceTimeout);
  EXPECT_THAT(last_error(), HasSubstr("rank 0 still waits for rank 1"));
}

}  // namespace
