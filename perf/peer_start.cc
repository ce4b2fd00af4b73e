#include "peer_start.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "failure.h"

namespace hfreduce::perf {
namespace {

// Everything that exec needs, made before fork: other threads of this process may hold locks.
struct Prepared {
  std::vector<std::string> environment;
  std::vector<char*> argv, envp;
  std::string cannot;
  cpu_set_t cores;
};

std::string_view name_in(std::string_view entry) { return entry.substr(0, entry.find('=')); }

// What would make a launcher believe that it is a part of the job that this process is of.
bool of_a_launcher(std::string_view entry) {
  const bool by_open_mpi = getenv("OMPI_COMM_WORLD_RANK") != nullptr;
  if (entry.substr(0, 9) == "OMPI_MCA_") return by_open_mpi;  // else they are the user's wishes
  for (const std::string_view prefix :
       {"OMPI_", "PMIX_", "PMI_", "HYDRA_", "HYDI_", "SLURM_", "MPI_LOCAL"}) {
    if (entry.substr(0, prefix.size()) == prefix) return true;
  }
  return false;
}

Prepared prepare(const Start& start) {
  Prepared p;
  p.environment = start.environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    bool replaced = false;
    if (start.afresh && of_a_launcher(*entry)) continue;
    for (const std::string& one : start.environment) replaced |= name_in(one) == name_in(*entry);
    if (!replaced) p.environment.emplace_back(*entry);
  }
  for (const std::string& word : start.words) p.argv.push_back(const_cast<char*>(word.c_str()));
  for (std::string& entry : p.environment) p.envp.push_back(entry.data());
  p.argv.push_back(nullptr);
  p.envp.push_back(nullptr);
  p.cannot = fmt::format("hfreduce-perf: {} cannot be executed\n", start.words[0]);
  CPU_ZERO(&p.cores);
  for (const int core : start.cores) CPU_SET(core, &p.cores);
  return p;
}

// Between this program and a launcher, in whose group of processes it is: when this program dies
// the launcher has a moment to end its ranks, and then it ends whatever it does.
[[noreturn]] void guard(pid_t launcher) {
  constexpr timespec kMoment = {5, 0};
  sigset_t told;
  sigemptyset(&told);
  sigaddset(&told, SIGTERM);
  sigaddset(&told, SIGCHLD);
  close_range(3, ~0U, 0);  // the ends of other pipes would be seen as open
  bool ending = false;
  while (true) {
    const int signal =
        ending ? sigtimedwait(&told, nullptr, &kMoment) : sigwaitinfo(&told, nullptr);
    int status = 0;
    if (waitpid(launcher, &status, WNOHANG) == launcher) {
      if (!WIFSIGNALED(status)) _exit(WEXITSTATUS(status));
      std::signal(WTERMSIG(status), SIG_DFL);
      sigemptyset(&told);
      sigprocmask(SIG_SETMASK, &told, nullptr);
      kill(getpid(), WTERMSIG(status));
      _exit(128 + WTERMSIG(status));
    }
    if (ending && signal < 0 && errno == EAGAIN) kill(0, SIGKILL);
    if (signal != SIGTERM || ending) continue;
    ending = true;
    kill(0, SIGTERM);
  }
}

// Returns in the process that is to become the launcher.
void start_guarded() {
  sigset_t told;
  sigemptyset(&told);
  sigaddset(&told, SIGTERM);
  sigaddset(&told, SIGCHLD);
  sigprocmask(SIG_BLOCK, &told, nullptr);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) _exit(127);
  if (pid > 0) guard(pid);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);
}

[[noreturn]] void become(const Start& start, const Prepared& p, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, start.gently ? SIGTERM : SIGKILL);
  if (getppid() != parent) _exit(127);
  setpgid(0, 0);  // a terminal's interrupt goes to this program, which ends them in order
  if (start.gently) start_guarded();
  if (!start.cores.empty()) sched_setaffinity(0, sizeof(p.cores), &p.cores);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  const int in = start.in >= 0 ? start.in : open("/dev/null", O_RDONLY);
  dup2(in, STDIN_FILENO);
  dup2(start.out >= 0 ? start.out : STDERR_FILENO, STDOUT_FILENO);
  execve(p.argv[0], p.argv.data(), p.envp.data());
  [[maybe_unused]] const ssize_t told = write(STDERR_FILENO, p.cannot.data(), p.cannot.size());
  _exit(127);
}

}  // namespace

pid_t start_program(const Start& start) {
  const Prepared prepared = prepare(start);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) fail_with_errno(fmt::format("starting {} (fork)", start.words[0]));
  if (pid == 0) become(start, prepared, parent);
  return pid;
}

std::string end_of(int status) {
  if (!WIFSIGNALED(status)) return fmt::format("exit status {}", WEXITSTATUS(status));
  return fmt::format("signal {} ({})", WTERMSIG(status), strsignal(WTERMSIG(status)));
}

}  // namespace hfreduce::perf
