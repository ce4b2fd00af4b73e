// Calls like an earlier one, of which most is not found out again: what they are given is checked
// all the same, and nothing of the earlier one is left in them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "harness/team.h"
#include "hfreduce.h"

namespace {

using harness::last_error;
using harness::Team;
using testing::HasSubstr;

TEST(RepeatedCalls, AreRefusedWhatTheFirstOneWouldHaveBeen) {
  Team team(2);
  team.each([](int rank, hfreduceComm_t comm) {
    std::vector<float> data(16, 1.0f);
    const auto reduce = [&](const void* send, void* receive, int type, int op) {
      return hfreduceAllReduce(send, receive, 8, static_cast<hfreduceDataType_t>(type),
                               static_cast<hfreduceRedOp_t>(op), comm, nullptr);
    };
    const auto broadcast = [&](const void* send, void* receive, int root) {
      return hfreduceBroadcast(send, receive, 8, hfreduceFloat32, root, comm, nullptr);
    };
    for (int turn = 0; turn < 3; ++turn) {
      ASSERT_EQ(reduce(data.data(), data.data() + 8, hfreduceFloat32, hfreduceSum),
                hfreduceSuccess);
      EXPECT_EQ(data[8], 2.0f);
      EXPECT_EQ(reduce(nullptr, data.data(), hfreduceFloat32, hfreduceSum),
                hfreduceInvalidArgument);
      EXPECT_EQ(last_error(), "sendbuff is NULL");
      EXPECT_EQ(reduce(data.data(), nullptr, hfreduceFloat32, hfreduceSum),
                hfreduceInvalidArgument);
      EXPECT_EQ(last_error(), "recvbuff is NULL");
      EXPECT_EQ(reduce(data.data(), data.data() + 7, hfreduceFloat32, hfreduceSum),
                hfreduceInvalidArgument);
      EXPECT_THAT(last_error(), HasSubstr("overlap"));
      EXPECT_EQ(reduce(data.data(), data.data(), 263, hfreduceSum), hfreduceInvalidArgument);
      EXPECT_EQ(reduce(data.data(), data.data(), hfreduceFloat32, 256), hfreduceInvalidArgument);
      // Only a root reads what it is given to send.
      ASSERT_EQ(broadcast(rank == 1 ? data.data() : nullptr, data.data(), 1), hfreduceSuccess);
      if (rank == 1) {
        EXPECT_EQ(broadcast(nullptr, data.data(), 1), hfreduceInvalidArgument);
        EXPECT_EQ(broadcast(data.data(), data.data() + 1, 1), hfreduceInvalidArgument);
      }
      EXPECT_EQ(broadcast(data.data(), data.data(), 2), hfreduceInvalidArgument);
      EXPECT_THAT(last_error(), HasSubstr("root 2"));
    }
  });
}

// Whose turn a slot is goes on from call to call, by the segments that were counted.
TEST(RepeatedCalls, OfAnyNumberOfSegmentsTakeSlotsThatChangeHands) {
  Team team(2);
  team.each([](int rank, hfreduceComm_t comm) {
    const auto reduce = [&](const char* algorithm, std::size_t count, int salt) {
      hfreduceCallConfig_t call = HFREDUCE_CALL_CONFIG_INITIALIZER;
      call.algorithm = algorithm;
      std::vector<std::int32_t> data(count), expected(count);
      for (std::size_t i = 0; i < count; ++i) {
        data[i] = static_cast<std::int32_t>(i) * (rank + 1) + salt;
        expected[i] = static_cast<std::int32_t>(i) * 3 + 2 * salt;
      }
      ASSERT_EQ(hfreduceAllReduceEx(data.data(), data.data(), count, hfreduceInt32, hfreduceSum,
                                    comm, &call),
                hfreduceSuccess)
          << last_error();
      ASSERT_EQ(data, expected) << count;
    };
    for (int turn = 0; turn < 30; ++turn) {
      // Up to seven segments of 1 KiB, the last of them one element or a whole one.
      for (const std::size_t count : {1u, 256u, 257u, 768u, 769u, 1'537u, 1'792u}) {
        reduce("alternating@1K", count, turn);
        if (turn % 3 == 0) reduce("one-shot", count, turn);
        if (turn % 5 == 0) reduce("two-shot", count, turn);
      }
    }
  });
}

TEST(RepeatedCalls, TakeNothingButTheirOwnBuffers) {
  Team team(2);
  team.each([](int rank, hfreduceComm_t comm) {
    for (int turn = 0; turn < 100; ++turn) {
      for (const std::size_t count : {1u, 2u, 128u, 1000u}) {
        std::vector<std::int32_t> data(count, turn + rank), result(count, -1);
        void* const receive = turn % 3 == 0 ? data.data() : result.data();
        const auto op = turn % 2 == 0 ? hfreduceSum : hfreduceMax;
        ASSERT_EQ(hfreduceAllReduce(data.data(), receive, count, hfreduceInt32, op, comm, nullptr),
                  hfreduceSuccess);
        EXPECT_THAT(turn % 3 == 0 ? data : result,
                    testing::Each(op == hfreduceSum ? 2 * turn + 1 : turn + 1));
        std::vector<std::int32_t> sent(count, turn * 10 + rank);
        ASSERT_EQ(hfreduceBroadcast(sent.data(), sent.data(), count, hfreduceInt32, turn % 2, comm,
                                    nullptr),
                  hfreduceSuccess);
        EXPECT_THAT(sent, testing::Each(turn * 10 + turn % 2));
      }
    }
  });
}

// The operation of a blocking call is used again; those of requests must be others.
TEST(RepeatedCalls, DoNotMeetRequestsLikeThem) {
  Team team(2);
  team.each([](int rank, hfreduceComm_t comm) {
    constexpr std::size_t kRequests = 8, kCount = 64;
    for (int turn = 0; turn < 20; ++turn) {
      std::vector<std::vector<std::int32_t>> data;
      for (std::size_t i = 0; i <= kRequests; ++i)
        data.emplace_back(kCount, rank + static_cast<int>(i));
      std::vector<hfreduceRequest_t> requests(kRequests);
      for (std::size_t i = 0; i < kRequests; ++i) {
        hfreduceCallConfig_t call = HFREDUCE_CALL_CONFIG_INITIALIZER;
        call.request = &requests[i];
        ASSERT_EQ(hfreduceAllReduceEx(data[i].data(), data[i].data(), kCount, hfreduceInt32,
                                      hfreduceSum, comm, &call),
                  hfreduceSuccess);
      }
      ASSERT_EQ(hfreduceAllReduce(data[kRequests].data(), data[kRequests].data(), kCount,
                                  hfreduceInt32, hfreduceSum, comm, nullptr),
                hfreduceSuccess);
      for (const hfreduceRequest_t request : requests) {
        EXPECT_EQ(hfreduceRequestWait(request), hfreduceSuccess);
        EXPECT_EQ(hfreduceRequestFree(request), hfreduceSuccess);
      }
      for (std::size_t i = 0; i <= kRequests; ++i)
        EXPECT_THAT(data[i], testing::Each(1 + 2 * static_cast<int>(i)));
    }
  });
}

// Its number may be given again, to one with another scalar.
TEST(RepeatedCalls, LookForACreatedOperationEachTime) {
  Team team(2);
  team.each([](int, hfreduceComm_t comm) {
    hfreduceRedOp_t op;
    for (float scalar : {2.0f, 3.0f}) {
      ASSERT_EQ(hfreduceRedOpCreatePreMulSum(&op, &scalar, hfreduceFloat32,
                                             hfreduceScalarHostImmediate, comm),
                hfreduceSuccess);
      for (int turn = 0; turn < 2; ++turn) {
        float one = 1;
        ASSERT_EQ(hfreduceAllReduce(&one, &one, 1, hfreduceFloat32, op, comm, nullptr),
                  hfreduceSuccess);
        EXPECT_EQ(one, 2 * scalar);
      }
      ASSERT_EQ(hfreduceRedOpDestroy(op, comm), hfreduceSuccess);
      float one = 1;
      EXPECT_EQ(hfreduceAllReduce(&one, &one, 1, hfreduceFloat32, op, comm, nullptr),
                hfreduceInvalidUsage);
    }
  });
}

// The caller's error. The same operation must not be started twice.
TEST(RepeatedCalls, OfTwoThreadsAtOnceOneIsRefused) {
  Team team(2);
  std::atomic<int> refused = 0;
  const auto sum = [&refused](hfreduceComm_t comm) {
    float one = 1;
    const auto result =
        hfreduceAllReduce(&one, &one, 1, hfreduceFloat32, hfreduceSum, comm, nullptr);
    if (result == hfreduceSuccess) {
      EXPECT_EQ(one, 2);
    } else {
      EXPECT_EQ(result, hfreduceInvalidUsage);
      EXPECT_THAT(last_error(), HasSubstr("another thread"));
      ++refused;
    }
  };
  team.each([&](int rank, hfreduceComm_t comm) {
    sum(comm);
    if (rank == 1) {  // whichever of them comes first waits for rank 0
      std::thread other(sum, comm);
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      sum(comm);
      other.join();
    } else {
      while (refused == 0) std::this_thread::yield();
      sum(comm);
    }
  });
  EXPECT_EQ(refused, 1);
}

}  // namespace
