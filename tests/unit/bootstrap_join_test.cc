// Joining: threads of one process as ranks.
#include <sys/mman.h>
#include <sys/socket.h>

#include <fcntl.h>

#include <set>

#include "bootstrap/host_group.h"
#include "bootstrap_jobs.h"

namespace hfreduce::bootstrap::testing {
namespace {

class JoinSizes : public ::testing::TestWithParam<int> {};

TEST_P(JoinSizes, AllRanksKnowAllOthers) {
  const int ranks = GetParam();
  Job job(ranks);
  for (Rank& rank : job.all()) {
    ASSERT_TRUE(rank.joined.ok()) << rank.joined.text();
    ASSERT_EQ(rank.session->members().size(), static_cast<std::size_t>(ranks));
    for (int other = 0; other < ranks; ++other) {
      const Member& member = rank.session->members()[static_cast<std::size_t>(other)];
      EXPECT_EQ(member.pid, getpid());
      EXPECT_EQ(member.same_host, 0);
      EXPECT_EQ(rank.session->greetings()[static_cast<std::size_t>(other)],
                "greeting of " + std::to_string(other));
    }
  }
}

TEST_P(JoinSizes, ExchangesKeepTheirOrder) {
  const int ranks = GetParam();
  Job job(ranks);
  std::vector<std::thread> threads;
  for (int r = 0; r < ranks; ++r) {
    threads.emplace_back([&, r] {
      for (int round = 0; round < 3; ++round) {
        const auto text = [&](int rank) {
          return std::to_string(round) + "/" + std::to_string(rank) + std::string(2000, 'x');
        };
        const auto book = job[r].session->exchange(text(r), Deadline::after_ms(60'000));
        ASSERT_TRUE(book.ok()) << book.status().text();
        ASSERT_EQ(book->size(), static_cast<std::size_t>(ranks));
        for (int other = 0; other < ranks; ++other) {
          EXPECT_EQ((*book)[static_cast<std::size_t>(other)], text(other));
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

INSTANTIATE_TEST_SUITE_P(Bootstrap, JoinSizes, ::testing::Values(1, 2, 3, 8, 40, 100));

TEST(Join, MemoryIsReallySharedAndSealed) {
  Job job(3);
  const std::uint64_t window = whole_pages(5000);
  std::vector<HostMemory> memory;
  std::vector<char*> maps;
  for (Rank& rank : job.all()) {
    memory.push_back(rank.session->take_host_memory());
    ASSERT_TRUE(memory.back().fd.valid());
    EXPECT_EQ(memory.back().ranks, (std::vector<std::int32_t>{0, 1, 2}));
    void* map =
        mmap(nullptr, 3 * window, PROT_READ | PROT_WRITE, MAP_SHARED, memory.back().fd.get(), 0);
    ASSERT_NE(map, MAP_FAILED);
    maps.push_back(static_cast<char*>(map));
  }
  maps[0][0] = 'a';
  maps[2][3 * window - 1] = 'z';
  EXPECT_EQ(maps[1][0], 'a');
  EXPECT_EQ(maps[1][3 * window - 1], 'z');
  EXPECT_NE(ftruncate(memory[1].fd.get(), 0), 0) << "a sealed file must not shrink";
  for (char* map : maps) munmap(map, 3 * window);
}

TEST(Join, DifferentHostIdsNeverShareMemory) {
  Settings even, odd;
  even.hostid = "even";
  odd.hostid = "odd";
  Job job(5, [&](JoinOptions& options, SessionHooks&) {
    options.settings = options.rank % 2 == 0 ? &even : &odd;
  });
  for (int r = 0; r < job.size(); ++r) {
    ASSERT_TRUE(job[r].joined.ok()) << job[r].joined.text();
    for (int other = 0; other < job.size(); ++other) {
      EXPECT_EQ(job[r].session->members()[static_cast<std::size_t>(other)].same_host, other % 2);
    }
    const HostMemory memory = job[r].session->take_host_memory();
    EXPECT_EQ(memory.ranks.size(), r % 2 == 0 ? 3u : 2u);
    EXPECT_TRUE(memory.fd.valid());
  }
}

TEST(Join, DataSocketsConnectWhicheverSideComesFirst) {
  Job job(3);
  const auto link = [&](int from, int to, int lane) {
    UniqueFd fd;
    EXPECT_TRUE(within_ms(5000,
                          [&] {
                            if (!fd) fd = job[from].session->take_link(to, lane);
                            return fd.valid();
                          }))
        << from << " to " << to;
    return fd;
  };
  job[2].session->connect_link(0, 1);
  job[2].session->connect_link(1, 0);
  const UniqueFd high = link(2, 0, 1), also = link(2, 1, 0);
  job[0].session->connect_link(2, 1);
  job[1].session->connect_link(2, 0);
  const UniqueFd low = link(0, 2, 1);
  link(1, 2, 0);
  ASSERT_EQ(send(high.get(), "hello", 5, 0), 5);
  char bytes[8] = {};
  EXPECT_TRUE(within_ms(2000, [&] { return recv(low.get(), bytes, 8, MSG_DONTWAIT) == 5; }));
  EXPECT_STREQ(bytes, "hello");
  EXPECT_NE(fcntl(low.get(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_FALSE(job[0].session->take_link(2, 1).valid()) << "a socket is handed out once";
}

}  // namespace
}  // namespace hfreduce::bootstrap::testing
