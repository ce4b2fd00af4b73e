// The C API as a program sees it, with the ranks as threads of one process.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstring>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "harness/team.h"
#include "hfreduce.h"

namespace {

using harness::last_error;
using harness::Team;
using testing::HasSubstr;

TEST(Api, AllReduceAndBroadcastGiveEveryRankTheSame) {
  Team team(3);
  team.each([](int rank, hfreduceComm_t comm) {
    for (const std::size_t count : {1u, 1000u, 300000u}) {
      std::vector<float> data(count, static_cast<float>(rank + 1)), result(count);
      ASSERT_EQ(hfreduceAllReduce(data.data(), result.data(), count, hfreduceFloat32, hfreduceSum,
                                  comm, nullptr),
                hfreduceSuccess)
          << last_error();
      EXPECT_THAT(result, testing::Each(6.0f));
      ASSERT_EQ(hfreduceAllReduce(data.data(), data.data(), count, hfreduceFloat32, hfreduceAvg,
                                  comm, nullptr),
                hfreduceSuccess);
      EXPECT_THAT(data, testing::Each(2.0f));
      std::vector<std::uint8_t> bytes(count, static_cast<std::uint8_t>(rank));
      ASSERT_EQ(
          hfreduceBroadcast(bytes.data(), bytes.data(), count, hfreduceUint8, 2, comm, nullptr),
          hfreduceSuccess);
      EXPECT_THAT(bytes, testing::Each(2));
    }
  });
}

TEST(Api, EveryAlgorithmCanBeForcedAndAnUnknownOneIsNamed) {
  Team team(2);
  team.each([](int, hfreduceComm_t comm) {
    for (const char* name :
         {"one-shot", "alternating", "two-shot", "claimed", "ring", "double-tree"}) {
      hfreduceCallConfig_t call = HFREDUCE_CALL_CONFIG_INITIALIZER;
      call.algorithm = name;
      std::vector<int> data(50000, 1);
      ASSERT_EQ(hfreduceAllReduceEx(data.data(), data.data(), data.size(), hfreduceInt32,
                                    hfreduceSum, comm, &call),
                hfreduceSuccess)
          << last_error();
      EXPECT_THAT(data, testing::Each(2));
      char plan[512];
      std::size_t size = sizeof plan;
      ASSERT_EQ(hfreduceCommGetInfo(comm, "plan", plan, &size), hfreduceSuccess);
      EXPECT_THAT(plan, HasSubstr(name));
    }
    hfreduceCallConfig_t call = HFREDUCE_CALL_CONFIG_INITIALIZER;
    call.algorithm = "quantum";
    float x = 0;
    EXPECT_EQ(hfreduceAllReduceEx(&x, &x, 1, hfreduceFloat32, hfreduceSum, comm, &call),
              hfreduceInvalidArgument);
    EXPECT_THAT(last_error(), HasSubstr("quantum"));
  });
}

TEST(Api, OneThreadDrivesAllRanksInAGroup) {
  Team team(4);
  std::vector<std::vector<int>> data(4, std::vector<int>(5000, 1));
  for (int round = 0; round < 20; ++round) {
    ASSERT_EQ(hfreduceGroupStart(), hfreduceSuccess);
    for (int rank = 0; rank < 4; ++rank) {
      auto& mine = data[static_cast<std::size_t>(rank)];
      ASSERT_EQ(hfreduceAllReduce(mine.data(), mine.data(), mine.size(), hfreduceInt32, hfreduceMax,
                                  team[rank], nullptr),
                hfreduceSuccess);
      ASSERT_EQ(hfreduceBroadcast(mine.data(), mine.data(), 10, hfreduceInt32, round % 4,
                                  team[rank], nullptr),
                hfreduceSuccess);
    }
    ASSERT_EQ(hfreduceGroupEnd(), hfreduceSuccess) << last_error();
  }
  for (const auto& mine : data) EXPECT_THAT(mine, testing::Each(1));
}

TEST(Api, AGroupWithARefusedCallStartsNothing) {
  Team team(2);
  int data = 7;
  ASSERT_EQ(hfreduceGroupStart(), hfreduceSuccess);
  EXPECT_EQ(hfreduceAllReduce(&data, &data, 1, hfreduceInt32, hfreduceSum, team[0], nullptr),
            hfreduceSuccess);
  EXPECT_EQ(hfreduceAllReduce(nullptr, &data, 1, hfreduceInt32, hfreduceSum, team[1], nullptr),
            hfreduceInvalidArgument);
  EXPECT_EQ(hfreduceGroupEnd(), hfreduceInvalidArgument);
  EXPECT_EQ(hfreduceGroupEnd(), hfreduceInvalidUsage);
  hfreduceResult_t state;
  ASSERT_EQ(hfreduceCommGetAsyncError(team[0], &state), hfreduceSuccess);
  EXPECT_EQ(state, hfreduceSuccess);
}

TEST(Api, RequestsRunInOrderAndInTheBackground) {
  Team team(2);
  team.each([](int rank, hfreduceComm_t comm) {
    constexpr int kRequests = 20;
    std::vector<std::vector<int>> data(kRequests, std::vector<int>(10000, rank + 1));
    std::vector<hfreduceRequest_t> requests(kRequests);
    for (int i = 0; i < kRequests; ++i) {
      hfreduceCallConfig_t call = HFREDUCE_CALL_CONFIG_INITIALIZER;
      call.request = &requests[static_cast<std::size_t>(i)];
      auto& mine = data[static_cast<std::size_t>(i)];
      ASSERT_EQ(hfreduceAllReduceEx(mine.data(), mine.data(), mine.size(), hfreduceInt32,
                                    hfreduceSum, comm, &call),
                hfreduceSuccess);
    }
    // Nobody waits: the progress thread does the work.
    int done = 0;
    while (done == 0) ASSERT_EQ(hfreduceRequestTest(requests.back(), &done), hfreduceSuccess);
    for (int i = 0; i < kRequests; ++i) {
      EXPECT_EQ(hfreduceRequestWait(requests[static_cast<std::size_t>(i)]), hfreduceSuccess);
      EXPECT_EQ(hfreduceRequestFree(requests[static_cast<std::size_t>(i)]), hfreduceSuccess);
      EXPECT_EQ(hfreduceRequestFree(requests[static_cast<std::size_t>(i)]), hfreduceInvalidUsage);
      EXPECT_THAT(data[static_cast<std::size_t>(i)], testing::Each(3));
    }
  });
}

TEST(Api, AnActiveRequestCannotBeFreedAndEndsWithItsCommunicator) {
  Team team(2);
  int data = 1;
  hfreduceRequest_t request = nullptr;
  hfreduceCallConfig_t call = HFREDUCE_CALL_CONFIG_INITIALIZER;
  call.request = &request;
  ASSERT_EQ(hfreduceAllReduceEx(&data, &data, 1, hfreduceInt32, hfreduceSum, team[0], &call),
            hfreduceSuccess);
  EXPECT_EQ(hfreduceRequestFree(request), hfreduceInvalidUsage);
  EXPECT_EQ(hfreduceCommDestroy(std::exchange(team[0], nullptr)), hfreduceSuccess);
  EXPECT_EQ(hfreduceRequestWait(request), hfreduceAborted);
  EXPECT_EQ(hfreduceRequestFree(request), hfreduceSuccess);
}

TEST(Api, APersistentRequestIsStartedAgainAndAgain) {
  Team team(3);
  team.each([](int rank, hfreduceComm_t comm) {
    std::vector<float> data(5000), from(5000, 1.0f), out(5000);
    hfreduceRequest_t sum = nullptr, root = nullptr;
    ASSERT_EQ(hfreduceAllReduceInit(from.data(), out.data(), out.size(), hfreduceFloat32,
                                    hfreduceSum, comm, nullptr, &sum),
              hfreduceSuccess)
        << last_error();
    ASSERT_EQ(hfreduceBroadcastInit(data.data(), data.data(), data.size(), hfreduceFloat32, 1, comm,
                                    nullptr, &root),
              hfreduceSuccess);
    EXPECT_EQ(hfreduceRequestWait(sum), hfreduceSuccess) << "not started: nothing to wait for";
    for (int turn = 0; turn < 50; ++turn) {
      from.assign(from.size(), static_cast<float>(rank + turn));
      data.assign(data.size(), static_cast<float>(rank == 1 ? turn : -1));
      ASSERT_EQ(hfreduceRequestStart(sum), hfreduceSuccess) << last_error();
      ASSERT_EQ(hfreduceRequestStart(root), hfreduceSuccess) << last_error();
      EXPECT_EQ(hfreduceRequestWait(root), hfreduceSuccess);
      EXPECT_EQ(hfreduceRequestWait(sum), hfreduceSuccess);
      EXPECT_THAT(out, testing::Each(static_cast<float>(3 + 3 * turn)));
      EXPECT_THAT(data, testing::Each(static_cast<float>(turn)));
    }
    EXPECT_EQ(hfreduceRequestFree(sum), hfreduceSuccess);
    EXPECT_EQ(hfreduceRequestFree(root), hfreduceSuccess);
    EXPECT_EQ(hfreduceRequestStart(sum), hfreduceInvalidUsage);
  });
}

TEST(Api, OneThreadStartsPersistentRequestsOfAllRanksInAGroup) {
  Team team(2);
  std::vector<int> data{1, 2};
  hfreduceRequest_t requests[2];
  for (int rank = 0; rank < 2; ++rank) {
    int* const mine = &data[static_cast<std::size_t>(rank)];
    ASSERT_EQ(hfreduceAllReduceInit(mine, mine, 1, hfreduceInt32, hfreduceSum, team[rank], nullptr,
                                    &requests[rank]),
              hfreduceSuccess);
  }
  for (int turn = 0; turn < 3; ++turn) {
    ASSERT_EQ(hfreduceGroupStart(), hfreduceSuccess);
    for (hfreduceRequest_t request : requests)
      EXPECT_EQ(hfreduceRequestStart(request), hfreduceSuccess);
    ASSERT_EQ(hfreduceGroupEnd(), hfreduceSuccess) << last_error();
    for (hfreduceRequest_t request : requests)
      EXPECT_EQ(hfreduceRequestWait(request), hfreduceSuccess);
  }
  EXPECT_THAT(data, testing::Each(3 * 2 * 2));
  for (hfreduceRequest_t request : requests)
    EXPECT_EQ(hfreduceRequestFree(request), hfreduceSuccess);
}

TEST(Api, APersistentRequestIsRefusedWhatItCannotDo) {
  Team team(2);
  int data = 1;
  hfreduceRequest_t request = nullptr, other = nullptr;
  hfreduceCallConfig_t call = HFREDUCE_CALL_CONFIG_INITIALIZER;
  const auto make = [&](hfreduceRequest_t* place) {
    return hfreduceAllReduceInit(&data, &data, 1, hfreduceInt32, hfreduceSum, team[0], &call,
                                 place);
  };
  EXPECT_EQ(make(nullptr), hfreduceInvalidArgument);
  call.request = &other;
  EXPECT_EQ(make(&request), hfreduceInvalidUsage);
  EXPECT_THAT(last_error(), HasSubstr("pass NULL"));
  call.request = nullptr;
  call.algorithm = "no-such";
  EXPECT_EQ(make(&request), hfreduceInvalidArgument) << "at once, not when it is started";
  call.algorithm = nullptr;
  ASSERT_EQ(make(&request), hfreduceSuccess);
  ASSERT_EQ(hfreduceRequestStart(request), hfreduceSuccess);
  EXPECT_EQ(hfreduceRequestStart(request), hfreduceInvalidUsage) << "rank 1 has not called";
  EXPECT_THAT(last_error(), HasSubstr("active"));
  EXPECT_EQ(hfreduceRequestFree(request), hfreduceInvalidUsage);
  call.request = &other;
  ASSERT_EQ(hfreduceAllReduceEx(&data, &data, 1, hfreduceInt32, hfreduceSum, team[0], &call),
            hfreduceSuccess);
  EXPECT_EQ(hfreduceRequestStart(other), hfreduceInvalidUsage);
  EXPECT_THAT(last_error(), HasSubstr("not a persistent one"));
  EXPECT_EQ(hfreduceCommDestroy(std::exchange(team[0], nullptr)), hfreduceSuccess);
  EXPECT_EQ(hfreduceRequestWait(request), hfreduceAborted);
  EXPECT_EQ(hfreduceRequestStart(request), hfreduceInvalidUsage);
  EXPECT_THAT(last_error(), HasSubstr("destroyed"));
  EXPECT_EQ(hfreduceRequestFree(request), hfreduceSuccess);
  EXPECT_EQ(hfreduceRequestFree(other), hfreduceSuccess);
}

TEST(Api, DestroyingWhatAGroupHasCalledEndsTheGroupWithASentence) {
  Team team(2);
  int data = 1;
  ASSERT_EQ(hfreduceGroupStart(), hfreduceSuccess);
  ASSERT_EQ(hfreduceAllReduce(&data, &data, 1, hfreduceInt32, hfreduceSum, team[0], nullptr),
            hfreduceSuccess);
  EXPECT_EQ(hfreduceCommDestroy(std::exchange(team[0], nullptr)), hfreduceSuccess);
  EXPECT_EQ(hfreduceGroupEnd(), hfreduceInvalidUsage);
  EXPECT_THAT(last_error(), HasSubstr("destroyed in the group"));
}

TEST(Api, BadArgumentsGetASentenceAndHarmNothing) {
  Team team(2);
  std::vector<float> data(8), other(8);
  const auto reduce = [&](const void* send, void* receive, std::size_t count, int type, int op) {
    return hfreduceAllReduce(send, receive, count, static_cast<hfreduceDataType_t>(type),
                             static_cast<hfreduceRedOp_t>(op), team[0], nullptr);
  };
  EXPECT_EQ(reduce(nullptr, data.data(), 8, hfreduceFloat32, hfreduceSum), hfreduceInvalidArgument);
  EXPECT_THAT(last_error(), HasSubstr("sendbuff"));
  EXPECT_EQ(reduce(data.data(), nullptr, 8, hfreduceFloat32, hfreduceSum), hfreduceInvalidArgument);
  EXPECT_EQ(reduce(data.data(), data.data() + 1, 4, hfreduceFloat32, hfreduceSum),
            hfreduceInvalidArgument);
  EXPECT_THAT(last_error(), HasSubstr("overlap"));
  EXPECT_EQ(
      reduce(data.data(), data.data(), static_cast<std::size_t>(-1), hfreduceFloat32, hfreduceSum),
      hfreduceInvalidArgument);
  EXPECT_EQ(reduce(data.data(), data.data(), 8, 77, hfreduceSum), hfreduceInvalidArgument);
  EXPECT_EQ(reduce(data.data(), data.data(), 8, 12, hfreduceSum), hfreduceInvalidArgument);
  EXPECT_EQ(reduce(data.data(), data.data(), 8, 103, hfreduceSum), hfreduceInvalidArgument);
  EXPECT_EQ(reduce(data.data(), data.data(), 8, hfreduceFloat32, 55), hfreduceInvalidArgument);
  EXPECT_EQ(reduce(data.data(), data.data(), 8, hfreduceFloat32, 103), hfreduceInvalidArgument);
  EXPECT_EQ(reduce(data.data(), data.data(), 8, hfreduceFloat32, hfreduceBitAnd),
            hfreduceInvalidArgument);
  EXPECT_THAT(last_error(), HasSubstr("bitwise"));
  EXPECT_EQ(hfreduceBroadcast(data.data(), data.data(), 8, hfreduceFloat32, 2, team[0], nullptr),
            hfreduceInvalidArgument);
  EXPECT_EQ(hfreduceBroadcast(data.data(), data.data(), 8, hfreduceFloat32, -1, team[0], nullptr),
            hfreduceInvalidArgument);
  EXPECT_EQ(hfreduceAllReduce(data.data(), data.data(), 8, hfreduceFloat32, hfreduceSum, team[0],
                              reinterpret_cast<hfreduceStream_t>(8)),
            hfreduceInvalidUsage);
  EXPECT_EQ(hfreduceAllReduce(data.data(), data.data(), 8, hfreduceFloat32, hfreduceSum, nullptr,
                              nullptr),
            hfreduceInvalidUsage);
  hfreduceCallConfig_t raw;
  std::memset(&raw, 0, sizeof raw);
  EXPECT_EQ(
      hfreduceAllReduceEx(data.data(), data.data(), 8, hfreduceFloat32, hfreduceSum, team[0], &raw),
      hfreduceInvalidArgument);
  // Nothing of this was an operation: the communicator works.
  team.each([](int, hfreduceComm_t comm) {
    int one = 1;
    EXPECT_EQ(hfreduceAllReduce(&one, &one, 1, hfreduceInt32, hfreduceSum, comm, nullptr),
              hfreduceSuccess);
    EXPECT_EQ(one, 2);
  });
}

TEST(Api, NothingIsAnOperationToo) {
  Team team(2);
  team.each([](int, hfreduceComm_t comm) {
    for (int i = 0; i < 100; ++i)
      EXPECT_EQ(hfreduceAllReduce(nullptr, nullptr, 0, hfreduceInt32, hfreduceSum, comm, nullptr),
                hfreduceSuccess);
    int one = 1;
    EXPECT_EQ(hfreduceAllReduce(&one, &one, 1, hfreduceInt32, hfreduceSum, comm, nullptr),
              hfreduceSuccess);
  });
}

TEST(Api, ACallOfNothingThatOnlyOneRankMadeShowsAtTheNextCall) {
  Team team(3);
  team.each([](int rank, hfreduceComm_t comm) {
    const hfreduceDataType_t type = rank == 2 ? hfreduceInt8 : hfreduceFloat64;
    EXPECT_EQ(hfreduceAllReduce(nullptr, nullptr, 0, type, hfreduceSum, comm, nullptr),
              hfreduceSuccess);
    int one = 1;
    EXPECT_EQ(hfreduceAllReduce(&one, &one, 1, hfreduceInt32, hfreduceSum, comm, nullptr),
              hfreduceMismatch);
    EXPECT_THAT(last_error(),
                testing::AllOf(HasSubstr("rank 2"), HasSubstr("int8"), HasSubstr("float64")));
  });
}

TEST(Api, OneRankCostsNothing) {
  hfreduceUniqueId id;
  ASSERT_EQ(hfreduceGetUniqueId(&id), hfreduceSuccess);
  hfreduceComm_t comm = nullptr;
  ASSERT_EQ(hfreduceCommInitRank(&comm, 1, id, 0), hfreduceSuccess) << last_error();
  std::vector<double> data(100, 3.5), result(100);
  EXPECT_EQ(hfreduceAllReduce(data.data(), result.data(), 100, hfreduceFloat64, hfreduceAvg, comm,
                              nullptr),
            hfreduceSuccess);
  EXPECT_EQ(result, data);
  EXPECT_EQ(hfreduceCommDestroy(comm), hfreduceSuccess);
  EXPECT_EQ(hfreduceCommDestroy(comm), hfreduceInvalidUsage);
  EXPECT_THAT(last_error(), HasSubstr("destroyed"));
}

TEST(Api, AMismatchIsNamedOnEveryRank) {
  Team team(3);
  const auto begin = std::chrono::steady_clock::now();
  team.each([](int rank, hfreduceComm_t comm) {
    std::vector<float> data(1000);
    const std::size_t count = rank == 1 ? 999 : 1000;
    EXPECT_EQ(hfreduceAllReduce(data.data(), data.data(), count, hfreduceFloat32, hfreduceSum, comm,
                                nullptr),
              hfreduceMismatch);
    EXPECT_THAT(last_error(),
                testing::AllOf(HasSubstr("rank 1"), HasSubstr("999"), HasSubstr("1000")));
  });
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
}

TEST(Api, ARankThatNeverCallsIsNamedAtTheDeadline) {
  Team team(3);
  team.each([](int rank, hfreduceComm_t comm) {
    if (rank == 2) return;
    int data = 1;
    hfreduceCallConfig_t call = HFREDUCE_CALL_CONFIG_INITIALIZER;
    call.timeout_ms = 500;
    EXPECT_EQ(hfreduceAllReduceEx(&data, &data, 1, hfreduceInt32, hfreduceSum, comm, &call),
              hfreduceTimeout);
    EXPECT_THAT(last_error(), HasSubstr("rank 2"));
  });
}

TEST(Api, AbortFromAnotherThreadEndsEveryonesCall) {
  Team team(3);
  std::thread aborter([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    EXPECT_EQ(hfreduceCommAbort(team[2]), hfreduceSuccess);
  });
  team.each([](int rank, hfreduceComm_t comm) {
    if (rank == 2) return;
    int data = 1;
    EXPECT_EQ(hfreduceAllReduce(&data, &data, 1, hfreduceInt32, hfreduceSum, comm, nullptr),
              hfreduceAborted);
    EXPECT_THAT(last_error(comm), HasSubstr("rank 2"));
    EXPECT_EQ(hfreduceAllReduce(&data, &data, 1, hfreduceInt32, hfreduceSum, comm, nullptr),
              hfreduceAborted);
  });
  aborter.join();
}

}  // namespace
