// What goes wrong while joining, and who hears of it: threads of one process as ranks.
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <optional>

#include "bootstrap/job_secret.h"
#include "bootstrap/reception.h"
#include "bootstrap_jobs.h"

namespace hfreduce::bootstrap::testing {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

UniqueFd connect_to(const Address& address) {
  UniqueFd fd(socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(connect(fd.get(), address.raw(), address.size()), 0);
  return fd;
}

// Joins `present` of `ranks`; what became of each.
std::vector<Rank> join_some(const UniqueId& id, const std::vector<int>& present, int ranks,
                            int timeout_ms = 60'000) {
  std::vector<Rank> outcome(present.size());
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < present.size(); ++i) {
    JoinOptions options = options_for(id, present[i], ranks);
    options.init_timeout_ms = timeout_ms;
    threads.emplace_back([&outcome, i, options] { join_one(outcome[i], options, {}); });
  }
  for (auto& thread : threads) thread.join();
  return outcome;
}

UniqueId new_id() {
  auto id = open_rendezvous(settings());
  EXPECT_TRUE(id.ok()) << id.status().text();
  return *id;
}

TEST(JoinFault, MissingRanksAreNamedToAll) {
  const auto outcome = join_some(new_id(), {0, 1, 2, 4, 5, 6}, 8, 600);
  for (const Rank& rank : outcome) {
    EXPECT_EQ(rank.joined.code(), Code::kTimeout);
    EXPECT_THAT(rank.joined.text(), ContainsRegex("waited [0-9.]+ s for ranks 3, 7 of 8"));
    EXPECT_EQ(rank.joined.detail().rank, 3);
    EXPECT_EQ(rank.joined.detail().phase, "join");
    EXPECT_FALSE(rank.latch.raised());
  }
}

TEST(JoinFault, MissingRankZeroIsNamed) {
  for (const Rank& rank : join_some(new_id(), {1, 2}, 3, 400)) {
    EXPECT_EQ(rank.joined.code(), Code::kTimeout);
    EXPECT_THAT(rank.joined.text(), HasSubstr("for rank 0 of 3"));
  }
}

TEST(JoinFault, TheSameRankTwiceFailsEverybodyByName) {
  for (const Rank& rank : join_some(new_id(), {0, 1, 2, 2}, 4)) {
    EXPECT_EQ(rank.joined.code(), Code::kInvalidArgument);
    EXPECT_THAT(rank.joined.text(), HasSubstr("two joined as rank 2 of 4"));
  }
}

TEST(JoinFault, SizesThatDifferFailEverybody) {
  const UniqueId id = new_id();
  Rank first, second;
  std::thread other([&] { join_one(second, options_for(id, 1, 3), {}); });
  join_one(first, options_for(id, 0, 2), {});
  other.join();
  for (const Rank* rank : {&first, &second}) {
    EXPECT_EQ(rank->joined.code(), Code::kInvalidArgument);
    EXPECT_THAT(rank->joined.text(), HasSubstr("ranks, others say"));
  }
}

TEST(JoinFault, BadArgumentsAreRefusedAtOnce) {
  const UniqueId id = new_id();
  Rank rank;
  join_one(rank, options_for(id, 2, 2), {});
  EXPECT_EQ(rank.joined.code(), Code::kInvalidArgument);
  join_one(rank, options_for(id, -1, 2), {});
  EXPECT_EQ(rank.joined.code(), Code::kInvalidArgument);
  join_one(rank, options_for(id, 0, 0), {});
  EXPECT_EQ(rank.joined.code(), Code::kInvalidArgument);
  JoinOptions options = options_for(id, 0, 2);
  options.greeting.resize(5000);
  join_one(rank, options, {});
  EXPECT_THAT(rank.joined.text(), HasSubstr("at most 4096"));
}

TEST(JoinFault, TheWrongSecretIsRefusedAndDisturbsNobody) {
  const UniqueId id = new_id();
  UniqueId wrong = id;
  wrong.secret[5] ^= 1;
  Rank stranger;
  std::thread other([&] { join_one(stranger, options_for(wrong, 1, 2), {}); });
  other.join();
  EXPECT_EQ(stranger.joined.code(), Code::kAuthFailed);
  EXPECT_THAT(stranger.joined.text(), HasSubstr("another secret"));
  for (const Rank& rank : join_some(id, {0, 1}, 2)) EXPECT_TRUE(rank.joined.ok());
}

TEST(JoinFault, AnIdServesOneCommunicator) {
  const UniqueId id = new_id();
  const auto first = join_some(id, {0, 1}, 2);
  for (const Rank& rank : first) EXPECT_TRUE(rank.joined.ok()) << rank.joined.text();
  for (const Rank& rank : join_some(id, {0, 1}, 2, 5000)) {
    EXPECT_EQ(rank.joined.code(), Code::kInvalidArgument);
    EXPECT_THAT(rank.joined.text(), HasSubstr("already served"));
  }
}

TEST(JoinFault, AnUnknownJobIsHungUpOnUntilTheTimeIsUp) {
  UniqueId id = new_id();
  id.job[0] ^= 1;
  for (const Rank& rank : join_some(id, {0}, 2, 300)) {
    EXPECT_EQ(rank.joined.code(), Code::kTimeout);
    EXPECT_THAT(rank.joined.text(), HasSubstr("another job"));
  }
}

TEST(JoinFault, StrangersDisturbNobody) {
  const UniqueId id = new_id();
  const std::uint64_t before = Reception::strangers();
  std::vector<UniqueFd> crowd;
  for (int i = 0; i < 200; ++i) crowd.push_back(connect_to(id.addresses.front()));  // silent
  for (int i = 0; i < 50; ++i) {
    UniqueFd fd = connect_to(id.addresses.front());
    const std::string garbage = i % 2 == 0 ? "GET / HTTP/1.1\r\n\r\n" : std::string(300, '\x16');
    EXPECT_GT(send(fd.get(), garbage.data(), garbage.size(), MSG_NOSIGNAL), 0);
    if (i % 3 == 0) crowd.push_back(std::move(fd));
  }
  // Right beginnings that never end.
  Hello hello;
  hello.job = id.job;
  for (std::size_t bytes = 1; bytes <= kHelloBytes; bytes += 7) {
    crowd.push_back(connect_to(id.addresses.front()));
    const std::string part = encode(hello).substr(0, bytes);
    EXPECT_EQ(send(crowd.back().get(), part.data(), bytes, MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes));
  }
  const Nanoseconds start = now_ns();
  for (const Rank& rank : join_some(id, {0, 1, 2, 3}, 4)) {
    EXPECT_TRUE(rank.joined.ok()) << rank.joined.text();
  }
  EXPECT_LT(now_ns() - start, 2'000'000'000);
  EXPECT_TRUE(within_ms(2000, [&] { return Reception::strangers() >= before + 50; }));
}

TEST(JoinFault, AHelloWithoutTheProofGetsNoFurther) {
  const UniqueId id = new_id();
  Hello hello;
  hello.job = id.job;
  hello.rank = 0;
  hello.ranks = 2;
  const UniqueFd fd = connect_to(id.addresses.front());
  const std::string lie = encode(hello) + std::string(kProofBytes, 'p');
  ASSERT_EQ(send(fd.get(), lie.data(), lie.size(), MSG_NOSIGNAL), static_cast<ssize_t>(lie.size()));
  char answer[200];
  ASSERT_EQ(recv(fd.get(), answer, sizeof answer, 0), static_cast<ssize_t>(kChallengeBytes));
  EXPECT_LE(recv(fd.get(), answer, sizeof answer, 0), 0) << "hung up, no verdict";
  for (const Rank& rank : join_some(id, {0, 1}, 2)) EXPECT_TRUE(rank.joined.ok());
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

// Takes all descriptors of the process, until they are given back.
class Ballast {
 public:
  Ballast() {
    getrlimit(RLIMIT_NOFILE, &before_);
    rlimit low = before_;
    low.rlim_cur = static_cast<rlim_t>(first_.get()) + 50;
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
    for (int fd; (fd = dup(first_.get())) >= 0;) taken_.emplace_back(fd);
  }
  ~Ballast() { setrlimit(RLIMIT_NOFILE, &before_); }
  void give_one() { taken_.pop_back(); }
  void give_all() { taken_.clear(); }

 private:
  UniqueFd first_{socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  std::vector<UniqueFd> taken_;
  rlimit before_{};
};

TEST(JoinFault, WithoutFreeDescriptorsTheListenerWaitsAndDoesNotSpin) {
  const UniqueId id = new_id();
  std::vector<UniqueFd> visitors;
  for (int i = 0; i < 5; ++i)
    visitors.emplace_back(socket(id.addresses.front().family(), SOCK_STREAM, 0));
  Ballast ballast;
  const double start = cpu_seconds();
  for (const UniqueFd& visitor : visitors) {
    EXPECT_EQ(connect(visitor.get(), id.addresses.front().raw(), id.addresses.front().size()), 0);
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(400));
  EXPECT_LT(cpu_seconds() - start, 0.2);
  ballast.give_all();
  for (const Rank& rank : join_some(id, {0, 1}, 2))
    EXPECT_TRUE(rank.joined.ok()) << rank.joined.text();
}

TEST(JoinFault, NorDoesTheServerOfTheSecret) {
  const std::string name = "short of descriptors";
  const UniqueId id = new_id();
  ASSERT_TRUE(serve_locally(name, id).ok());
  Ballast ballast;
  ballast.give_one();  // to who asks
  const double start = cpu_seconds();
  std::optional<Result<UniqueId>> told;
  std::thread asking([&] { told = fetch_locally(name, Deadline::after_ms(20'000)); });
  std::this_thread::sleep_for(std::chrono::milliseconds(400));
  EXPECT_LT(cpu_seconds() - start, 0.2);
  ballast.give_all();
  asking.join();
  ASSERT_TRUE(told->ok()) << told->status().text();
  EXPECT_EQ((*told)->pack(), id.pack());
}

TEST(Idle, BurnsNoProcessorTime) {
  Job job(20);
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  const double start = cpu_seconds();
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  EXPECT_LT(cpu_seconds() - start, 0.03);
}

TEST(Fork, AChildIsRefusedAndItsEndIsNoDeath) {
  Job job(3);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const auto book = job[1].session->exchange("x", Deadline::after_ms(1000));
    const auto id = open_rendezvous(settings());
    job[1].session->leave(0);
    job[1].session.reset();
    _exit(book.status().code() == Code::kInvalidUsage && id.status().code() == Code::kInvalidUsage
              ? 0
              : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  std::vector<std::thread> threads;
  for (Rank& rank : job.all()) {
    EXPECT_FALSE(rank.latch.raised());
    threads.emplace_back(
        [&] { EXPECT_TRUE(rank.session->exchange("y", Deadline::after_ms(10'000)).ok()); });
  }
  for (auto& thread : threads) thread.join();
}

TEST(Failure, SpreadsToAllAndNamesItsOrigin) {
  Job job(40);
  const Status abort = Status(Code::kAborted, "rank 37 called abort").with_rank(37, "here");
  job[37].latch.raise(abort);
  job[37].session->spread(abort);
  for (int r = 0; r < job.size(); ++r) {
    ASSERT_TRUE(within_ms(1000, [&] { return job[r].latch.raised(); })) << r;
    EXPECT_EQ(job[r].latch.status().code(), Code::kAborted);
    EXPECT_EQ(job[r].latch.status().detail().rank, 37);
    EXPECT_EQ(job[r].latch.status().text(), "rank 37 called abort");
  }
  const auto book = job[0].session->exchange("x", Deadline::after_ms(60'000));
  EXPECT_EQ(book.status().code(), Code::kAborted);
}

TEST(Failure, AnExchangeNamesWhoIsMissing) {
  Job job(3);
  std::thread other(
      [&] { EXPECT_FALSE(job[2].session->exchange("c", Deadline::after_ms(300)).ok()); });
  const auto book = job[0].session->exchange("a", Deadline::after_ms(300));
  other.join();
  EXPECT_EQ(book.status().code(), Code::kTimeout);
  EXPECT_THAT(book.status().text(), HasSubstr("waits for rank 1"));
}

TEST(Leaving, InAnyOrderRaisesNoAlarm) {
  for (const int start : {0, 1, 17, 39}) {
    Job job(40);
    for (int i = 0; i < job.size(); ++i) {
      Rank& rank = job[(start + i * 7) % job.size()];
      rank.session->leave(0);
      if (i % 2 == 0) rank.session.reset();
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    for (const Rank& rank : job.all()) {
      EXPECT_FALSE(rank.latch.raised()) << rank.latch.status().text();
    }
  }
}

TEST(Leaving, AFailureStillCrossesARankThatHasLeft) {
  Job job(40);  // rank 35 hangs below rank 1, rank 1 below rank 0
  job[1].session.reset();
  job[0].session.reset();
  job[35].session->spread(Status(Code::kAborted, "stop").with_rank(35));
  for (const int r : {2, 34, 36, 39}) {
    EXPECT_TRUE(within_ms(1000, [&] { return job[r].latch.raised(); })) << r;
  }
}

}  // namespace
}  // namespace hfreduce::bootstrap::testing
