// Buffers that peers can map, through the C API, with the ranks as threads of one process: they are
// used where they are, and any mixture with ordinary memory gives the same bits.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "harness/team.h"
#include "hfreduce.h"

namespace {

using harness::last_error;
using harness::Team;
using testing::AnyOf;
using testing::HasSubstr;

// Of hfreduceMemAlloc, or ordinary.
class Buffer {
 public:
  Buffer(std::size_t bytes, bool mapped) : mapped_(mapped) {
    if (!mapped) ordinary_.resize(bytes);
    if (mapped) {
      EXPECT_EQ(hfreduceMemAlloc(&memory_, bytes, nullptr), hfreduceSuccess) << last_error();
    }
  }
  ~Buffer() {
    if (mapped_) {
      EXPECT_EQ(hfreduceMemFree(memory_), hfreduceSuccess);
    }
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  std::int32_t* ints() { return static_cast<std::int32_t*>(mapped_ ? memory_ : ordinary_.data()); }

 private:
  bool mapped_;
  void* memory_ = nullptr;
  std::vector<std::byte> ordinary_;
};

void fill(std::int32_t* ints, std::size_t count, int rank, int salt) {
  for (std::size_t i = 0; i < count; ++i)
    ints[i] = static_cast<std::int32_t>(i * 7 + static_cast<std::size_t>(rank * 1000 + salt));
}

void expect_sum(const std::int32_t* ints, std::size_t count, int ranks, int salt) {
  std::vector<std::int32_t> sum(count);
  fill(sum.data(), count, 0, salt);
  for (std::int32_t& value : sum) value = ranks * value + 1000 * (ranks * (ranks - 1) / 2);
  ASSERT_EQ(std::memcmp(ints, sum.data(), count * sizeof *ints), 0);
}

// `mapped` has a bit for each rank; sizes around what asks for it, and odd offsets into the memory.
void exchange(const Team& team, unsigned mapped, std::uint32_t seed) {
  constexpr std::size_t kMost = 1 << 20;
  team.each([&](int rank, hfreduceComm_t comm) {
    const bool mine = (mapped >> rank & 1) != 0;
    Buffer in(kMost, mine), out(kMost, mine);
    std::mt19937 random(seed);  // the same on all ranks
    for (int call = 0; call < 30; ++call) {
      const std::size_t skip = random() % 50;
      const std::size_t count = random() % (call % 3 == 0 ? 2'000u : 200'000u);
      const bool in_place = random() % 2 == 0;
      const int root = static_cast<int>(random() % static_cast<unsigned>(team.size()));
      std::int32_t* const from = in.ints() + skip;
      std::int32_t* const to = in_place ? from : out.ints() + skip;
      fill(from, count, rank, call);
      if (call % 2 == 0) {
        ASSERT_EQ(hfreduceAllReduce(from, to, count, hfreduceInt32, hfreduceSum, comm, nullptr),
                  hfreduceSuccess)
            << last_error();
        expect_sum(to, count, team.size(), call);
      } else {
        ASSERT_EQ(hfreduceBroadcast(from, to, count, hfreduceInt32, root, comm, nullptr),
                  hfreduceSuccess)
            << last_error();
        std::vector<std::int32_t> expected(count);
        fill(expected.data(), count, root, call);
        ASSERT_EQ(std::memcmp(to, expected.data(), count * sizeof *to), 0);
      }
    }
  });
}

TEST(MappedMemory, AnyMixtureOfRanksGivesTheSameBits) {
  std::uint32_t seed = 1;
  for (const int ranks : {2, 3, 5}) {
    const Team team(ranks);
    const unsigned all = (1u << ranks) - 1;
    for (const unsigned mapped : {all, 0u, 1u, all - 1, all}) exchange(team, mapped, seed++);
  }
}

TEST(MappedMemory, IsUsedWhereAllHaveItAndNowhereElse) {
  const Team team(3);
  constexpr std::size_t kCount = 100'000;
  const auto run = [&](unsigned mapped, bool broadcast, int root, std::size_t count) {
    team.each([&](int rank, hfreduceComm_t comm) {
      Buffer data(2 * kCount * 4, (mapped >> rank & 1) != 0);
      const auto result = broadcast ? hfreduceBroadcast(data.ints(), data.ints(), count,
                                                        hfreduceInt32, root, comm, nullptr)
                                    : hfreduceAllReduce(data.ints(), data.ints(), count,
                                                        hfreduceInt32, hfreduceSum, comm, nullptr);
      EXPECT_EQ(result, hfreduceSuccess);
    });
    for (int rank = 1; rank < 3; ++rank) EXPECT_EQ(team.algorithm(rank), team.algorithm(0));
    return team.algorithm();
  };
  // What is claimed where the ranks share cores.
  EXPECT_THAT(run(7, false, 0, kCount), AnyOf("zero-copy", "zero-copy-claimed"));
  EXPECT_THAT(run(6, false, 0, kCount), AnyOf("two-shot", "claimed")) << "rank 0's is private";
  EXPECT_EQ(run(7, false, 0, 100), "one-shot") << "so little is not worth asking";
  EXPECT_EQ(run(7, true, 1, 2 * kCount), "zero-copy-shared");
  EXPECT_EQ(run(2, true, 1, 2 * kCount), "zero-copy") << "the root's is enough";
  EXPECT_EQ(run(3, true, 1, 2 * kCount), "zero-copy") << "and no other's helps unless all are";
  EXPECT_EQ(run(5, true, 1, 2 * kCount), "direct") << "the root's is private";
}

// Ranks as threads: the kernel reads for them as for processes (peer_reads_test), and a root with
// mapped memory is served among calls from private memory.
TEST(MappedMemory, OrdinaryMemoryOfTheRootIsReadByItsPeersToo) {
  for (const int ranks : {2, 5}) {
    const Team team(ranks);
    team.each([&](int rank, hfreduceComm_t comm) {
      constexpr std::size_t kCount = 150'000;
      hfreduceCallConfig_t config = HFREDUCE_CALL_CONFIG_INITIALIZER;
      config.algorithm = "zero-copy";
      Buffer mapped(kCount * 4, true), from(kCount * 4, false), to(kCount * 4, false);
      for (int call = 0; call < 60; ++call) {
        const int root = call % ranks;
        const std::size_t count = 1 + static_cast<std::size_t>(call) * 2'531;
        std::int32_t* const in = call % 7 == 0 ? mapped.ints() : from.ints();
        std::int32_t* const out = call % 3 == 0 ? in : to.ints();
        fill(in, count, rank, call);
        ASSERT_EQ(hfreduceBroadcastEx(in, out, count, hfreduceInt32, root, comm, &config),
                  hfreduceSuccess)
            << last_error();
        ASSERT_EQ(team.algorithm(rank), "zero-copy");
        // Its owner may do what it likes with it now.
        if (rank == root && out != in) std::memset(in, 0xff, count * 4);
        std::vector<std::int32_t> expected(count);
        fill(expected.data(), count, root, call);
        ASSERT_EQ(std::memcmp(out, expected.data(), count * 4), 0) << call;
      }
    });
  }
}

TEST(MappedMemory, AChoiceByNameIsKept) {
  const Team team(2);
  team.each([&](int rank, hfreduceComm_t comm) {
    Buffer data(1 << 16, true);
    hfreduceCallConfig_t config = HFREDUCE_CALL_CONFIG_INITIALIZER;
    config.algorithm = "two-shot";
    EXPECT_EQ(hfreduceAllReduceEx(data.ints(), data.ints(), 1 << 14, hfreduceInt32, hfreduceSum,
                                  comm, &config),
              hfreduceSuccess);
    EXPECT_EQ(team.algorithm(rank), "two-shot");
    for (const char* name : {"zero-copy-claimed", "zero-copy"}) {
      config.algorithm = name;
      EXPECT_EQ(hfreduceAllReduceEx(data.ints(), data.ints(), 16, hfreduceInt32, hfreduceSum, comm,
                                    &config),
                hfreduceSuccess);
      EXPECT_EQ(team.algorithm(rank), name) << "whatever the size";
    }
    for (const char* name : {"zero-copy-shared", "zero-copy"}) {
      config.algorithm = name;
      EXPECT_EQ(hfreduceBroadcastEx(data.ints(), data.ints(), 16, hfreduceInt32, 1, comm, &config),
                hfreduceSuccess);
      EXPECT_EQ(team.algorithm(rank), name) << "whatever the size";
    }
  });
}

// Who comes last finds its work done, and those who did it gone on, perhaps with their memory.
TEST(MappedMemory, IsLeftAloneWhereItsOwnerHasGoneOn) {
  const Team team(6);
  team.each([&](int rank, hfreduceComm_t comm) {
    hfreduceCallConfig_t config = HFREDUCE_CALL_CONFIG_INITIALIZER;
    config.algorithm = "zero-copy-claimed";
    for (int call = 0; call < 300; ++call) {
      const std::size_t count = 1 + static_cast<std::size_t>(call) * 97 % 20'000;
      Buffer data(count * 4, true);  // of each call its own
      fill(data.ints(), count, rank, call);
      ASSERT_EQ(hfreduceAllReduceEx(data.ints(), data.ints(), count, hfreduceInt32, hfreduceSum,
                                    comm, &config),
                hfreduceSuccess)
          << last_error();
      expect_sum(data.ints(), count, 6, call);
      ASSERT_EQ(team.algorithm(rank), "zero-copy-claimed");
    }
  });
}

// A root that may not offer goes ahead of those who read what it said. Some of the calls are so
// large that all are asked for their memory first.
TEST(MappedMemory, ChangingRootsAndMemoriesDoNotMixUp) {
  const Team team(4);
  team.each([&](int rank, hfreduceComm_t comm) {
    constexpr std::size_t kMost = 140'000;
    Buffer mapped(kMost * 4, true), ordinary(kMost * 4, false);
    for (int call = 0; call < 2'000; ++call) {
      const int root = call / 3 % 4;
      Buffer& data = call % 5 < 2 && rank == root ? mapped
                     : (call + rank) % 2 == 0     ? mapped
                                                  : ordinary;
      const std::size_t count = call % 4 == 0 ? kMost - static_cast<std::size_t>(call) % 4096
                                              : 1024 + static_cast<std::size_t>(call) % 4096;
      data.ints()[0] = rank == root ? call : -1;
      data.ints()[count - 1] = rank == root ? call + 1 : -1;
      ASSERT_EQ(
          hfreduceBroadcast(data.ints(), data.ints(), count, hfreduceInt32, root, comm, nullptr),
          hfreduceSuccess);
      ASSERT_EQ(data.ints()[0], call);
      ASSERT_EQ(data.ints()[count - 1], call + 1);
    }
  });
}

// Freed memory's address comes back for other memory: peers must not use what they knew.
TEST(MappedMemory, ThatWasFreedAndTakenAgainIsOtherMemory) {
  const Team team(2);
  team.each([&](int rank, hfreduceComm_t comm) {
    for (int round = 0; round < 40; ++round) {
      Buffer data(1 << 16, true);
      fill(data.ints(), 1 << 14, rank, round);
      ASSERT_EQ(hfreduceAllReduce(data.ints(), data.ints(), 1 << 14, hfreduceInt32, hfreduceSum,
                                  comm, nullptr),
                hfreduceSuccess);
      expect_sum(data.ints(), 1 << 14, 2, round);
    }
  });
}

struct Mapping {
  explicit Mapping(int flags = MAP_SHARED, int rights = PROT_READ | PROT_WRITE) {
    fd = memfd_create("a caller's own", MFD_CLOEXEC);
    EXPECT_EQ(ftruncate(fd, kBytes), 0);
    data = mmap(nullptr, kBytes, rights, flags, fd, 0);
    EXPECT_NE(data, MAP_FAILED);
  }
  ~Mapping() {
    munmap(data, kBytes);
    close(fd);
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  static constexpr std::size_t kBytes = 1 << 20;
  int fd;
  void* data;
};

TEST(RegisterMapping, MakesACallersMappingUsableWhereItIs) {
  const Team team(2);
  std::vector<Mapping> mappings(2);
  team.each([&](int rank, hfreduceComm_t comm) {
    Mapping& mine = mappings[static_cast<std::size_t>(rank)];
    constexpr std::size_t kOffset = 8192;
    auto* const data = reinterpret_cast<std::int32_t*>(static_cast<char*>(mine.data) + kOffset);
    void* handle = nullptr;
    ASSERT_EQ(hfreduceCommRegisterMapping(comm, data, 1 << 16, mine.fd, kOffset, &handle),
              hfreduceSuccess)
        << last_error();
    fill(data, 1 << 14, rank, 0);
    ASSERT_EQ(hfreduceAllReduce(data, data, 1 << 14, hfreduceInt32, hfreduceSum, comm, nullptr),
              hfreduceSuccess);
    expect_sum(data, 1 << 14, 2, 0);
    EXPECT_EQ(team.algorithm(rank), "zero-copy");
    ASSERT_EQ(hfreduceCommDeregister(comm, handle), hfreduceSuccess);
    EXPECT_EQ(hfreduceCommDeregister(comm, handle), hfreduceInvalidArgument) << "twice";
    ASSERT_EQ(hfreduceAllReduce(data, data, 1 << 14, hfreduceInt32, hfreduceSum, comm, nullptr),
              hfreduceSuccess);
    EXPECT_EQ(team.algorithm(rank), "two-shot");
  });
}

TEST(RegisterMapping, WhatIsNoSharedMappingOfThatFileIsRefused) {
  const Team team(1);
  const Mapping good, other, is_private(MAP_PRIVATE), read_only(MAP_SHARED, PROT_READ);
  std::vector<char> heap(4096);
  void* handle = nullptr;
  const auto refused = [&](void* data, std::size_t bytes, int fd, std::size_t offset,
                           const char* why) {
    EXPECT_EQ(hfreduceCommRegisterMapping(team[0], data, bytes, fd, offset, &handle),
              hfreduceInvalidArgument);
    EXPECT_THAT(last_error(), HasSubstr(why));
    EXPECT_EQ(handle, nullptr);
  };
  refused(nullptr, 1, good.fd, 0, "buffer");
  refused(good.data, 0, good.fd, 0, "no bytes");
  refused(good.data, 4096, -1, 0, "EBADF");
  refused(good.data, 4096, other.fd, 0, "not a shared mapping of this descriptor");
  refused(good.data, 4096, good.fd, 4096, "at this offset");
  refused(good.data, Mapping::kBytes + 1, good.fd, 0, "past the descriptor's end");
  refused(good.data, ~std::size_t{0}, good.fd, 8, "past the descriptor's end");
  refused(is_private.data, 4096, is_private.fd, 0, "not a shared mapping");
  refused(read_only.data, 4096, read_only.fd, 0, "read-only");
  refused(heap.data(), heap.size(), good.fd, 0, "not a shared mapping");
  EXPECT_EQ(hfreduceCommRegisterMapping(nullptr, good.data, 1, good.fd, 0, &handle),
            hfreduceInvalidUsage);
  ASSERT_EQ(hfreduceCommRegisterMapping(team[0], good.data, Mapping::kBytes, good.fd, 0, &handle),
            hfreduceSuccess);
  void* first = handle;
  refused(static_cast<char*>(good.data) + 4096, 4096, good.fd, 4096, "registered");
  EXPECT_EQ(hfreduceMemFree(good.data), hfreduceInvalidArgument) << "it is not ours to free";
  EXPECT_EQ(hfreduceCommDeregister(team[0], first), hfreduceSuccess);
}

}  // namespace
