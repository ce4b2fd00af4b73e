#include "launcher.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <string>
#include <vector>

#include "arena.h"
#include "clock.h"
#include "failure.h"
#include "workload.h"

namespace hfreduce::perf {
namespace {

// After one process has failed, the others are told by the library and leave by themselves; who has
// not after this long is ended.
constexpr std::int64_t kGraceNs = 8'000'000'000;
constexpr std::int64_t kLastGraceNs = 2'000'000'000;

class Children {
 public:
  explicit Children(int processes) : pids_(static_cast<std::size_t>(processes), -1) {}

  void start(int index, int fd, char** argv);
  // Until all have ended. `signals` are blocked.
  int see_out(const Arena& arena, const sigset_t& signals, int threads);
  void end_all(int signal);

 private:
  bool any_left() const;
  void reap(const Arena& arena, int threads);
  void note_failure(const Arena& arena, int index, int threads, int status);

  std::vector<pid_t> pids_;  // -1: ended
  int exit_status_ = 0;
  bool ending_ = false;
  std::int64_t failed_at_ns_ = 0;
};

[[noreturn]] void become_worker(int index, int fd, char** argv, pid_t parent) {
  // Ends with the launcher, even if that one is killed.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(kExitFailed);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  fcntl(fd, F_SETFD, 0);
  std::vector<char*> arguments;
  for (char** argument = argv; *argument != nullptr; ++argument) arguments.push_back(*argument);
  // Which descriptor, which process: nothing secret. The id travels in the shared memory.
  std::string worker = fmt::format("--worker={}:{}", fd, index);
  arguments.push_back(worker.data());
  arguments.push_back(nullptr);
  execv("/proc/self/exe", arguments.data());
  complain(fmt::format("starting process {}: execv: {}", index, std::strerror(errno)));
  _exit(kExitFailed);
}

void Children::start(int index, int fd, char** argv) {
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) fail_with_errno(fmt::format("starting process {} (fork)", index));
  if (pid == 0) become_worker(index, fd, argv, parent);
  pids_[static_cast<std::size_t>(index)] = pid;
}

bool Children::any_left() const {
  return std::any_of(pids_.begin(), pids_.end(), [](pid_t pid) { return pid >= 0; });
}

void Children::end_all(int signal) {
  ending_ = true;
  for (const pid_t pid : pids_) {
    if (pid >= 0) kill(pid, signal);
  }
}

void Children::note_failure(const Arena& arena, int index, int threads, int status) {
  const int first_rank = index * threads;
  const std::string who = threads == 1 ? fmt::format("rank {}", first_rank)
                                       : fmt::format("the process of ranks {} to {}", first_rank,
                                                     first_rank + threads - 1);
  // Nothing to say of those whom this process, the terminal or a closed pipe has ended.
  const int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  if (signal != 0 && signal != SIGINT && signal != SIGPIPE && !ending_) {
    complain(fmt::format("{} (process {}) was ended by signal {} ({})", who,
                         pids_[static_cast<std::size_t>(index)], signal, strsignal(signal)));
  }
  if (exit_status_ == 0) {
    exit_status_ = signal != 0 ? 128 + signal : WEXITSTATUS(status);
    failed_at_ns_ = now_ns();
  }
  if (signal == SIGPIPE) end_all(SIGKILL);  // nobody reads the results: as `... | head` expects
  std::uint32_t nobody = 0;
  arena.header().failed.compare_exchange_strong(nobody, static_cast<std::uint32_t>(first_rank) + 1);
}

void Children::reap(const Arena& arena, int threads) {
  for (std::size_t i = 0; i < pids_.size(); ++i) {
    int status = 0;
    if (pids_[i] < 0 || waitpid(pids_[i], &status, WNOHANG) != pids_[i]) continue;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
      note_failure(arena, static_cast<int>(i), threads, status);
    }
    pids_[i] = -1;
  }
}

int Children::see_out(const Arena& arena, const sigset_t& signals, int threads) {
  int interrupted = 0;
  while (true) {
    reap(arena, threads);
    if (!any_left()) return interrupted != 0 ? 128 + interrupted : exit_status_;
    const timespec pause = {0, 200'000'000};
    const int signal = sigtimedwait(&signals, nullptr, &pause);
    if (signal > 0 && signal != SIGCHLD) {
      interrupted = signal;
      failed_at_ns_ = now_ns() - kGraceNs;
      end_all(SIGTERM);
    }
    if (failed_at_ns_ == 0) continue;
    const std::int64_t since = now_ns() - failed_at_ns_;
    if (since > kGraceNs + kLastGraceNs) {
      end_all(SIGKILL);
    } else if (since > kGraceNs) {
      end_all(SIGTERM);
    }
  }
}

}  // namespace

int run_processes(const Options& options, int processes, char** argv) {
  const int threads = std::max(1, options.threads);
  const std::uint64_t bytes = buffer_bytes(options);
  check_memory(processes * threads, bytes);
  const Arena arena = Arena::create(processes * threads, bytes);
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGCHLD, SIGINT, SIGTERM, SIGHUP, SIGQUIT}) sigaddset(&signals, signal);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  Children children(processes);
  try {
    for (int i = 0; i < processes; ++i) children.start(i, arena.fd(), argv);
  } catch (const Failure& failure) {
    complain(failure.what());
    children.end_all(SIGKILL);
    children.see_out(arena, signals, threads);
    return kExitFailed;
  }
  return children.see_out(arena, signals, threads);
}

}  // namespace hfreduce::perf
