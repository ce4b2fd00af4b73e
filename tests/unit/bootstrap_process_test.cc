// Ranks as processes: deaths in every phase, stopped processes, questions. This program starts
// itself again as a worker (a fork alone would be refused: the control thread is not in the child).
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include "bootstrap_jobs.h"

extern "C" char** environ;

namespace hfreduce::bootstrap::testing {
namespace {

using ::testing::HasSubstr;

std::string hex(const UniqueId& id) {
  std::string text;
  for (const char byte : id.pack()) {
    char digits[3];
    snprintf(digits, sizeof digits, "%02x", static_cast<unsigned char>(byte));
    text += digits;
  }
  return text;
}

UniqueId from_hex(const std::string& text) {
  std::array<char, UniqueId::kBytes> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<char>(std::stoi(text.substr(2 * i, 2), nullptr, 16));
  }
  auto id = UniqueId::unpack(bytes);
  return id.ok() ? *id : UniqueId();
}

CallState calling(const char* what) {
  CallState state;
  if (*what == '\0') return state;
  state.phase = CallState::Phase::kActive;
  state.fingerprint = static_cast<std::uint32_t>(std::hash<std::string>()(what)) | 1;
  state.description = what;
  return state;
}

// A process that joins as one rank. It says "id <hex>" if it made the id, "joined", or why not;
// then waits for its input to end, and leaves; or for the latch, and says why.
struct Worker {
  pid_t pid = -1;
  int in = -1, out = -1;

  Worker(const std::string& id, int rank, int ranks, const std::string& call = "") {
    int to[2], from[2];
    EXPECT_EQ(pipe2(to, O_CLOEXEC), 0);
    EXPECT_EQ(pipe2(from, O_CLOEXEC), 0);
    in = to[1];
    out = from[0];
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, to[0], 0);
    posix_spawn_file_actions_adddup2(&actions, from[1], 1);
    std::string r = std::to_string(rank), n = std::to_string(ranks), i = id, c = call;
    std::string self = "worker", program = "/proc/self/exe";
    char* arguments[] = {self.data(), i.data(), r.data(), n.data(), c.data(), nullptr};
    EXPECT_EQ(posix_spawn(&pid, program.c_str(), &actions, nullptr, arguments, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(to[0]);
    close(from[1]);
  }
  std::string line() const {
    std::string text;
    char byte;
    while (read(out, &byte, 1) == 1 && byte != '\n') text += byte;
    return text;
  }
  void signal(int number) const { kill(pid, number); }
  // Returns once none of its threads runs any more: kill() alone does not wait for that, and until
  // then it rightly answers.
  void stop() const {
    signal(SIGSTOP);
    int status = 0;
    EXPECT_EQ(waitpid(pid, &status, WUNTRACED), pid);
    EXPECT_TRUE(WIFSTOPPED(status)) << status;
  }
  int finish() {
    close(std::exchange(in, -1));
    int status = 0;
    waitpid(pid, &status, 0);
    close(out);
    return status;
  }
};

int worker_main(char** argv) {
  const auto say = [](const std::string& text) {
    if (write(1, (text + "\n").data(), text.size() + 1) < 0) _exit(3);
  };
  std::string text = argv[1];
  if (text.empty()) {
    text = hex(*open_rendezvous(settings()));
    say("id " + text);
  }
  Rank rank;
  SessionHooks hooks;
  const char* call = argv[4];
  hooks.call_state = [call](std::uint64_t) { return calling(call); };
  join_one(rank, options_for(from_hex(text), std::atoi(argv[2]), std::atoi(argv[3])), hooks);
  say(rank.joined.ok() ? "joined" : rank.joined.text());
  if (!rank.joined.ok()) return 1;
  rank.latch.raised();
  char byte;
  while (read(0, &byte, 1) == 1) {
  }
  if (rank.latch.raised()) say(rank.latch.status().text());
  rank.session->leave(0);
  return 0;
}

// `threads` ranks of this process, from 0 on (or from 1 if `others` made the id), and a worker for
// each of the others.
struct Mixed {
  UniqueId id;
  std::vector<Rank> ranks;
  std::vector<Worker> workers;

  Mixed(int threads, int total, const std::vector<std::string>& calls,
        const SessionHooks& hooks = {})
      : ranks(static_cast<std::size_t>(threads)) {
    id = *open_rendezvous(settings());
    std::vector<std::thread> joining;
    for (int r = 0; r < threads; ++r) {
      joining.emplace_back([this, r, total, hooks] {
        join_one(ranks[static_cast<std::size_t>(r)], options_for(id, r, total), hooks);
      });
    }
    for (int r = threads; r < total; ++r) {
      const auto index = static_cast<std::size_t>(r - threads);
      workers.emplace_back(hex(id), r, total, index < calls.size() ? calls[index] : "");
    }
    for (auto& thread : joining) thread.join();
    for (const Worker& worker : workers) EXPECT_EQ(worker.line(), "joined");
    for (const Rank& rank : ranks) EXPECT_TRUE(rank.joined.ok()) << rank.joined.text();
  }
};

TEST(Death, OfAMemberIsKnownToAllWithinASecond) {
  Mixed job(35, 37, {});  // rank 35 and 36 hang below rank 1
  const pid_t dead = job.workers[1].pid;
  job.workers[1].signal(SIGKILL);
  for (Rank& rank : job.ranks) {
    ASSERT_TRUE(within_ms(1000, [&] { return rank.latch.raised(); }));
    const Status status = rank.latch.status();
    EXPECT_EQ(status.code(), Code::kPeerDead);
    EXPECT_EQ(status.detail().rank, 36);
    EXPECT_FALSE(status.detail().host.empty());
    EXPECT_THAT(status.text(), HasSubstr("rank 36 on host"));
    EXPECT_THAT(status.text(), HasSubstr("(pid " + std::to_string(dead) + ")"));
  }
  job.workers[1].finish();
  job.workers[0].finish();
}

TEST(Death, OfAProcessThatLeftIsNone) {
  Mixed job(2, 4, {});
  for (Worker& worker : job.workers) EXPECT_EQ(worker.finish(), 0);
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  for (const Rank& rank : job.ranks)
    EXPECT_FALSE(rank.latch.raised()) << rank.latch.status().text();
}

TEST(Death, WhileJoiningIsNamedToThoseWhoWait) {
  const UniqueId id = *open_rendezvous(settings());
  // Rank 4 never comes; rank 3 is killed when it has been waiting for a while.
  std::vector<Rank> ranks(3);
  std::vector<std::thread> joining;
  for (int r = 0; r < 3; ++r) {
    joining.emplace_back(
        [&, r] { join_one(ranks[static_cast<std::size_t>(r)], options_for(id, r, 5), {}); });
  }
  Worker victim(hex(id), 3, 5);
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  const Nanoseconds start = now_ns();
  victim.signal(SIGKILL);
  for (auto& thread : joining) thread.join();
  EXPECT_LT(now_ns() - start, 1'000'000'000);
  for (const Rank& rank : ranks) {
    EXPECT_EQ(rank.joined.code(), Code::kPeerDead);
    EXPECT_EQ(rank.joined.detail().rank, 3);
    EXPECT_FALSE(rank.latch.raised());
  }
  victim.finish();
}

TEST(Death, BeforeItsParentCameIsNamedToo) {
  const UniqueId id = *open_rendezvous(settings());
  Rank rank;
  std::thread joining([&] { join_one(rank, options_for(id, 0, 40), {}); });
  Worker victim(hex(id), 34, 40);  // its parent, rank 1, is not there
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  victim.signal(SIGKILL);
  joining.join();
  EXPECT_EQ(rank.joined.code(), Code::kPeerDead);
  EXPECT_THAT(rank.joined.text(), HasSubstr("rank 34 on host"));
  victim.finish();
}

TEST(Death, OfTheRendezvousEndsTheWaiting) {
  Worker root("", 0, 4);
  const std::string line = root.line();
  ASSERT_TRUE(line.starts_with("id ")) << line;
  std::vector<Rank> ranks(2);
  std::vector<std::thread> joining;
  for (int r = 1; r < 3; ++r) {
    joining.emplace_back([&, r] {
      join_one(ranks[static_cast<std::size_t>(r - 1)], options_for(from_hex(line.substr(3)), r, 4),
               {});
    });
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  root.signal(SIGKILL);
  for (auto& thread : joining) thread.join();
  for (const Rank& rank : ranks) EXPECT_EQ(rank.joined.code(), Code::kPeerDead);
  root.finish();
}

TEST(Death, AtRandomMomentsOfJoiningEndsEverybody) {
  for (unsigned seed = 0; seed < 12; ++seed) {
    const UniqueId id = *open_rendezvous(settings());
    Worker victim(hex(id), 1, 3);
    std::vector<Rank> ranks(3);
    std::thread other([&] { join_one(ranks[2], options_for(id, 2, 3), {}); });
    std::thread killer([&] {
      std::this_thread::sleep_for(std::chrono::microseconds(700 * seed));
      victim.signal(SIGKILL);
    });
    JoinOptions options = options_for(id, 0, 3);
    options.init_timeout_ms = 1500;  // the victim may never have come
    join_one(ranks[0], options, {});
    other.join();
    killer.join();
    for (const int r : {0, 2}) {
      Rank& rank = ranks[static_cast<std::size_t>(r)];
      EXPECT_TRUE(!rank.joined.ok() || within_ms(1000, [&] { return rank.latch.raised(); }))
          << "seed " << seed << " rank " << r;
    }
    victim.finish();
  }
}

// Asks from rank 0 until there is an answer about `sequence`.
std::optional<Diagnosis> ask(Session& session, std::uint64_t sequence) {
  session.ask(sequence);
  std::optional<Diagnosis> answer;
  within_ms(2000, [&] {
    answer = session.diagnosis();
    return answer && answer->sequence == sequence;
  });
  return answer;
}

SessionHooks in_call(const char* what) {
  SessionHooks hooks;
  hooks.call_state = [what](std::uint64_t) { return calling(what); };
  return hooks;
}

TEST(Question, WhoHasNotCalled) {
  Mixed job(35, 37, {"allreduce", ""}, in_call("allreduce"));
  for (const int asker : {0, 1, 34}) {
    const auto answer = ask(*job.ranks[static_cast<std::size_t>(asker)].session, 7);
    ASSERT_TRUE(answer.has_value()) << asker;
    EXPECT_EQ(answer->absent, std::vector<std::int32_t>{36});
  }
  for (Worker& worker : job.workers) worker.finish();
}

TEST(Question, AStoppedRankIsAbsentAndNotDead) {
  Mixed job(3, 5, {"allreduce", "allreduce"}, in_call("allreduce"));
  job.workers[0].stop();
  for (std::uint64_t sequence = 1; sequence <= 5; ++sequence) {
    const auto answer = ask(*job.ranks[2].session, sequence);
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->absent, std::vector<std::int32_t>{3});
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(7000));  // past every kernel timeout
  job.workers[0].signal(SIGCONT);
  EXPECT_TRUE(within_ms(3000, [&] {
    static std::uint64_t sequence = 10;
    const auto answer = ask(*job.ranks[2].session, ++sequence);
    return answer && answer->absent.empty();
  }));
  for (const Rank& rank : job.ranks)
    EXPECT_FALSE(rank.latch.raised()) << rank.latch.status().text();
  for (Worker& worker : job.workers) EXPECT_EQ(worker.finish(), 0);
}

TEST(Question, AMismatchIsSpreadToAllByName) {
  Mixed job(3, 5, {"allreduce of 10 float32, sum", "allreduce of 12 float32, sum"},
            in_call("allreduce of 10 float32, sum"));
  job.ranks[1].session->ask(7);
  for (Rank& rank : job.ranks) {
    ASSERT_TRUE(within_ms(1000, [&] { return rank.latch.raised(); }));
    const Status status = rank.latch.status();
    EXPECT_EQ(status.code(), Code::kMismatch);
    EXPECT_EQ(status.detail().rank, 4);
    EXPECT_EQ(status.detail().sequence, 7u);
    EXPECT_THAT(status.text(), HasSubstr("rank 4 called allreduce of 12 float32, sum; ranks 0-3 "
                                         "called allreduce of 10 float32, sum"));
  }
  for (Worker& worker : job.workers) worker.finish();
}

TEST(Question, WhoLeftWithoutCallingIsAFailure) {
  Mixed job(2, 4, {"", "allreduce"}, in_call("allreduce"));
  job.workers[0].finish();
  job.ranks[1].session->ask(1);
  for (Rank& rank : job.ranks) {
    ASSERT_TRUE(within_ms(1000, [&] { return rank.latch.raised(); }));
    EXPECT_EQ(rank.latch.status().code(), Code::kMismatch);
    EXPECT_EQ(rank.latch.status().detail().rank, 2);
    EXPECT_THAT(rank.latch.status().text(), HasSubstr("left the communicator"));
  }
  job.workers[1].finish();
}

TEST(Leaving, OrphansOfARankThatLeftStillHearOfFailures) {
  Worker root("", 0, 6);
  const std::string line = root.line();
  const UniqueId id = from_hex(line.substr(3));
  std::vector<Rank> ranks(5);
  std::vector<std::thread> joining;
  for (int r = 1; r < 6; ++r) {
    joining.emplace_back(
        [&, r] { join_one(ranks[static_cast<std::size_t>(r - 1)], options_for(id, r, 6), {}); });
  }
  for (auto& thread : joining) thread.join();
  EXPECT_EQ(root.line(), "joined");
  EXPECT_EQ(root.finish(), 0);  // leaves and ends
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  for (const Rank& rank : ranks) EXPECT_FALSE(rank.latch.raised()) << rank.latch.status().text();
  ranks[4].session->spread(Status(Code::kAborted, "stop").with_rank(5));
  for (Rank& rank : ranks) EXPECT_TRUE(within_ms(1000, [&] { return rank.latch.raised(); }));
}

}  // namespace
}  // namespace hfreduce::bootstrap::testing

int main(int argc, char** argv) {
  if (std::strcmp(argv[0], "worker") == 0) return hfreduce::bootstrap::testing::worker_main(argv);
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
