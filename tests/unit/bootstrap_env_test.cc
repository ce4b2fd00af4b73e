// What launchers say, where secrets come from, and joining by it.
#include <netinet/in.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <map>

#include "bootstrap/job_secret.h"
#include "bootstrap/launch.h"
#include "bootstrap/slurm.h"
#include "bootstrap_jobs.h"

extern "C" char** environ;

namespace hfreduce::bootstrap::testing {
namespace {

using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Variables = std::map<std::string, std::string>;

Result<Launch> read(const Variables& variables, const Settings& chosen = settings()) {
  return read_launch(
      [&](const char* name) {
        const auto at = variables.find(name);
        return at == variables.end() ? nullptr : at->second.c_str();
      },
      chosen);
}

TEST(Launch, Plain) {
  const auto launch = read(
      {{"RANK", "3"}, {"WORLD_SIZE", "8"}, {"MASTER_ADDR", "node1"}, {"MASTER_PORT", "29500"}});
  ASSERT_TRUE(launch.ok()) << launch.status().text();
  EXPECT_EQ(launch->rank, 3);
  EXPECT_EQ(launch->ranks, 8);
  EXPECT_EQ(launch->root, "node1");
  EXPECT_EQ(launch->port, 29517);
  EXPECT_EQ(launch->hosts, Launch::Hosts::kUnknown);
}

TEST(Launch, TorchrunSaysHowManyAreHere) {
  Variables variables{{"RANK", "0"},
                      {"WORLD_SIZE", "4"},
                      {"LOCAL_WORLD_SIZE", "2"},
                      {"MASTER_ADDR", "node1"},
                      {"MASTER_PORT", "29500"},
                      {"TORCHELASTIC_RUN_ID", "x"},
                      {"PMIX_RANK", "0"},
                      {"PMIX_NAMESPACE", "n"}};
  EXPECT_EQ(read(variables)->hosts, Launch::Hosts::kSeveral);
  EXPECT_THAT(read(variables)->launcher, HasSubstr("torchrun"));
  const std::string tag = read(variables)->tag;
  variables["TORCHELASTIC_RESTART_COUNT"] = "1";
  EXPECT_NE(read(variables)->tag, tag) << "late-comers of before the restart must stay out";
  variables["LOCAL_WORLD_SIZE"] = "4";
  EXPECT_EQ(read(variables)->hosts, Launch::Hosts::kOne);
  EXPECT_FALSE(under_pmix([&](const char* name) {
    const auto at = variables.find(name);
    return at == variables.end() ? nullptr : at->second.c_str();
  }));
}

TEST(Launch, TheSettingsOverrideTheAddress) {
  Settings chosen;
  chosen.root = "[fd00::1]:777";
  const auto launch = read({{"RANK", "1"}, {"WORLD_SIZE", "2"}, {"MASTER_ADDR", "a"}}, chosen);
  ASSERT_TRUE(launch.ok()) << launch.status().text();
  EXPECT_EQ(launch->root, "fd00::1");
  EXPECT_EQ(launch->port, 777);
  chosen.root = "nonsense";
  EXPECT_THAT(read({{"RANK", "1"}, {"WORLD_SIZE", "2"}}, chosen).status().text(),
              HasSubstr("must be host:port"));
}

TEST(Launch, BadValuesAreNamed) {
  const auto why = [](const Variables& variables) { return read(variables).status().text(); };
  EXPECT_THAT(why({}), HasSubstr("no launcher is recognised"));
  EXPECT_THAT(why({{"RANK", "0"}}), HasSubstr("WORLD_SIZE is not set"));
  EXPECT_THAT(why({{"RANK", "2"}, {"WORLD_SIZE", "2"}}),
              HasSubstr("RANK=2 is not below WORLD_SIZE=2"));
  EXPECT_THAT(why({{"RANK", "x"}, {"WORLD_SIZE", "2"}}),
              HasSubstr("RANK=x: must be a whole number"));
  EXPECT_THAT(why({{"RANK", "-1"}, {"WORLD_SIZE", "2"}}), HasSubstr("RANK=-1"));
  EXPECT_THAT(why({{"RANK", "0"}, {"WORLD_SIZE", "0"}}), HasSubstr("WORLD_SIZE=0"));
  EXPECT_THAT(why({{"RANK", "0"}, {"WORLD_SIZE", "2"}}), HasSubstr("set MASTER_ADDR"));
  EXPECT_THAT(why({{"RANK", "0"}, {"WORLD_SIZE", "2"}, {"MASTER_PORT", "1"}}),
              HasSubstr("MASTER_ADDR is not"));
  EXPECT_THAT(why({{"RANK", "0"}, {"WORLD_SIZE", "2"}, {"MASTER_ADDR", "a"}}),
              HasSubstr("MASTER_PORT is not set"));
  EXPECT_THAT(
      why({{"RANK", "0"}, {"WORLD_SIZE", "2"}, {"MASTER_ADDR", "a"}, {"MASTER_PORT", "65530"}}),
      HasSubstr("more than 65535"));
  EXPECT_TRUE(read({{"RANK", "0"}, {"WORLD_SIZE", "1"}}).ok()) << "one rank needs no address";
}

TEST(Launch, OpenMpiAndSlurm) {
  const auto ompi = read({{"OMPI_COMM_WORLD_RANK", "1"},
                          {"OMPI_COMM_WORLD_SIZE", "2"},
                          {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"}});
  ASSERT_TRUE(ompi.ok());
  EXPECT_EQ(ompi->hosts, Launch::Hosts::kOne);
  Variables step{{"SLURM_PROCID", "5"},
                 {"SLURM_NTASKS", "6"},
                 {"SLURM_STEP_NODELIST", "n[07-09],m1"},
                 {"SLURM_JOB_ID", "12"},
                 {"SLURM_STEP_ID", "0"}};
  const auto slurm = read(step);
  ASSERT_TRUE(slurm.ok()) << slurm.status().text();
  EXPECT_EQ(slurm->root, "n07");
  EXPECT_EQ(slurm->hosts, Launch::Hosts::kSeveral);
  step["SLURM_PROCID"] = "0";
  EXPECT_EQ(read(step)->port, slurm->port) << "all ranks must find the same port";
  step["SLURM_STEP_NODELIST"] = "n[07";
  EXPECT_EQ(read(step).status().code(), Code::kInvalidArgument);
}

TEST(Slurm, ListsAreExpanded) {
  const auto names = [](const char* list) {
    auto result = expand_node_list(list);
    EXPECT_TRUE(result.ok()) << list << ": " << result.status().text();
    return result.ok() ? *result : std::vector<std::string>();
  };
  EXPECT_THAT(names("n[01-03,7],m5"), ElementsAre("n01", "n02", "n03", "n7", "m5"));
  EXPECT_THAT(names("a"), ElementsAre("a"));
  EXPECT_THAT(names("r[1-2]n[8-9]-x"), ElementsAre("r1n8-x", "r1n9-x", "r2n8-x", "r2n9-x"));
  EXPECT_THAT(names("n[098-101]"), ElementsAre("n098", "n099", "n100", "n101"));
  for (const char* bad : {"", ",", "a,", "n[", "n]", "n[]", "n[1", "n[2-1]", "n[a-b]", "n[1-]",
                          "n[1,]", "n[-1]", "n[[1]]", "n[1-999999999]", "n[1-999]m[1-999]", ",a"}) {
    if (std::string_view(bad) == "a,") continue;  // a trailing comma is forgiven
    EXPECT_FALSE(expand_node_list(bad).ok()) << bad;
  }
}

struct SecretFile {
  std::string path;
  explicit SecretFile(const std::string& content, mode_t mode = 0600) {
    char name[] = "/tmp/hfreduce-test-XXXXXX";
    close(mkstemp(name));
    path = name;
    std::ofstream(path) << content;
    chmod(path.c_str(), mode);
  }
  void remove() const { unlink(path.c_str()); }
};

TEST(SecretFile, MustBeOursAloneAndLongEnough) {
  const SecretFile good(std::string(32, 'a')), other(std::string(33, 'a'));
  const SecretFile open_to_group(std::string(32, 'a'), 0640), too_short(std::string(31, 'a'));
  const auto secret = read_secret_file(good.path);
  ASSERT_TRUE(secret.ok()) << secret.status().text();
  EXPECT_NE(*secret, *read_secret_file(other.path));
  EXPECT_THAT(read_secret_file(open_to_group.path).status().text(), HasSubstr("chmod 600"));
  EXPECT_THAT(read_secret_file(too_short.path).status().text(), HasSubstr("at least 32"));
  EXPECT_THAT(read_secret_file("/nonexistent").status().text(), HasSubstr("ENOENT"));
  EXPECT_EQ(read_secret_file("/tmp").status().code(), Code::kAuthFailed);
  for (const SecretFile* file : {&good, &other, &open_to_group, &too_short}) file->remove();
}

// A rank that joins twice by its environment, and says how it went.
int worker_main() {
  const auto chosen = Settings::from_environment();
  for (int call = 0; call < 2; ++call) {
    auto join = join_from_environment(*chosen);
    if (!join.ok()) {
      printf("%s\n", join.status().text().c_str());
      return 1;
    }
    Rank rank;
    JoinOptions options = options_for(join->id, join->rank, join->ranks);
    options.settings = &*chosen;
    options.init_timeout_ms = static_cast<std::int32_t>(chosen->init_timeout_ms);
    join_one(rank, options, {});
    printf("%s\n", rank.joined.ok() ? "joined" : rank.joined.text().c_str());
    if (!rank.joined.ok()) return 1;
    const auto all = rank.session->exchange("x", Deadline::after_ms(20'000));
    if (!all.ok()) return 2;
    rank.session->leave(0);
  }
  return 0;
}

struct Worker {
  pid_t pid = -1;
  int out = -1;

  explicit Worker(Variables variables) {
    int pipe_ends[2];
    EXPECT_EQ(pipe(pipe_ends), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], 1);
    posix_spawn_file_actions_addclose(&actions, pipe_ends[0]);
    std::vector<std::string> texts;
    for (const auto& [name, value] : variables) texts.push_back(name + "=" + value);
    std::vector<char*> all;
    for (std::string& text : texts) all.push_back(text.data());
    all.push_back(nullptr);
    char self[] = "worker";
    char* arguments[] = {self, nullptr};
    EXPECT_EQ(posix_spawn(&pid, "/proc/self/exe", &actions, nullptr, arguments, all.data()), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(pipe_ends[1]);
    out = pipe_ends[0];
  }
  std::string finish() {
    std::string text;
    char bytes[256];
    for (ssize_t n; (n = ::read(out, bytes, sizeof bytes)) > 0;) {
      text.append(bytes, static_cast<std::size_t>(n));
    }
    close(out);
    waitpid(pid, nullptr, 0);
    return text;
  }
};

bool is_free(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  const bool free = bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  close(fd);
  return free;
}

// Below those that the kernel hands out, and apart from those of this test in another process.
std::string unused_port() {
  static int next = 21000 + getpid() % 700 * 16;
  while (!is_free(next)) ++next;
  return std::to_string(next++);
}

void expect_all(const std::vector<Variables>& ranks, const std::string& words) {
  std::vector<Worker> workers;
  for (const Variables& variables : ranks) workers.emplace_back(variables);
  for (Worker& worker : workers) EXPECT_THAT(worker.finish(), HasSubstr(words));
}

std::vector<Variables> plain_job(int ranks, const Variables& more) {
  std::vector<Variables> job;
  const std::string port = unused_port();
  for (int r = 0; r < ranks; ++r) {
    Variables variables{{"RANK", std::to_string(r)},
                        {"WORLD_SIZE", std::to_string(ranks)},
                        {"MASTER_ADDR", "localhost"},
                        {"MASTER_PORT", port},
                        {"HFREDUCE_INIT_TIMEOUT_MS", "20000"}};
    for (const auto& [name, value] : more) variables[name] = value;
    job.push_back(variables);
  }
  return job;
}

TEST(FromEnvironment, OnOneHostThreeRanksJoinTwice) {
  expect_all(plain_job(3, {}), "joined\njoined\n");
}

TEST(FromEnvironment, WithASecretFile) {
  const SecretFile secret(std::string(40, 's'));
  expect_all(plain_job(3, {{"HFREDUCE_SECRET_FILE", secret.path}}), "joined\njoined\n");
  expect_all(plain_job(2, {{"HFREDUCE_SECRET_FILE", secret.path}, {"MASTER_ADDR", "::1"}}),
             "joined\njoined\n");
  secret.remove();
}

TEST(FromEnvironment, AnotherSecretIsRefusedAtOnce) {
  const SecretFile ours(std::string(40, 's')), theirs(std::string(40, 't'));
  auto job = plain_job(2, {{"HFREDUCE_SECRET_FILE", ours.path}});
  job[1]["HFREDUCE_SECRET_FILE"] = theirs.path;
  job[0]["HFREDUCE_INIT_TIMEOUT_MS"] = "3000";
  Worker root(job[0]), stranger(job[1]);
  EXPECT_THAT(stranger.finish(), HasSubstr("belongs to this job but has another secret"));
  EXPECT_THAT(root.finish(), ContainsRegex("waited 3[0-9.]* s for rank 1 of 2"));
  ours.remove();
  theirs.remove();
}

TEST(FromEnvironment, InsecureIsPossible) {
  expect_all(plain_job(2, {{"HFREDUCE_INSECURE", "1"}}), "joined\njoined\n");
}

TEST(FromEnvironment, SeveralHostsWithoutASecretAreRefusedAtOnce) {
  auto job = plain_job(2, {{"LOCAL_WORLD_SIZE", "1"}});
  expect_all(job, "HFREDUCE_SECRET_FILE=FILE on all ranks");
  // An address that other hosts can reach does not say that nobody is there.
  expect_all(plain_job(2, {{"MASTER_ADDR", "192.0.2.77"}}),
             "MASTER_ADDR=127.0.0.1 or LOCAL_WORLD_SIZE=2");
  expect_all(plain_job(2, {{"LOCAL_WORLD_SIZE", "2"}}), "joined\njoined\n");
}

TEST(FromEnvironment, OneRankNeedsNothing) {
  expect_all({{{"RANK", "0"}, {"WORLD_SIZE", "1"}}}, "joined\njoined\n");
}

}  // namespace
}  // namespace hfreduce::bootstrap::testing

int main(int argc, char** argv) {
  if (std::strcmp(argv[0], "worker") == 0) return hfreduce::bootstrap::testing::worker_main();
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
