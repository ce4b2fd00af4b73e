// hfreduce-perf: what collectives reach here, and how far from the limit that is.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "arena.h"
#include "baseline.h"
#include "failure.h"
#include "files.h"
#include "launcher.h"
#include "options.h"
#include "peer_spec.h"
#include "seat.h"
#include "workload.h"

namespace hfreduce::perf {
namespace {

// Where one of them is closed, the next file would get its number, the memory that ranks share for
// one, and what is printed with it. These fail, like the closed one, when they are used.
void occupy_standard_descriptors() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(fd, F_GETFD) < 0) open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
  }
}

// Whether a launcher has left word of a rank: the same signs that hfreduceCommInitFromEnv reads.
bool under_launcher() {
  for (const char* name : {"RANK", "PMIX_RANK", "OMPI_COMM_WORLD_RANK", "SLURM_PROCID"}) {
    if (std::getenv(name) != nullptr) return true;
  }
  return false;
}

// Without a launcher and without a wish: a rank a core, up to 8, and at least two.
int default_processes() {
  const int cores = static_cast<int>(allowed_cores().size());
  const int ranks = std::clamp(cores, 2, 8);
  complain(
      fmt::format("no launcher found, so {} local processes are started (--ranks N for another "
                  "number)",
                  ranks));
  return ranks;
}

// Of local runs: under a launcher only rank 0 has these files.
void check_files(const Options& options) {
  for (const auto& [option, path] :
       {std::pair<const char*, const std::string&>{"--json", options.json},
        {"--csv", options.csv},
        {"--plot", options.plot}})
    if (!path.empty()) check_writable(option, path);
}

int run(const Options& options, char** argv) {
  if (options.worker_fd >= 0) {
    prctl(PR_SET_NAME, "hfreduce-perf");  // not "exe", by which it was started
    const Arena arena = Arena::attach(options.worker_fd, nullptr);
    const int threads = std::max(1, options.threads);
    return run_local(options, arena, options.worker_index * threads, threads);
  }
  // Said before anything is started.
  const PeerCrowd crowd{std::max(1, options.ranks) * std::max(1, options.threads),
                        static_cast<int>(allowed_cores().size()), 1};
  const bool launched = options.ranks == 0 && options.threads == 0 && under_launcher();
  if (!launched) {
    check_files(options);
    parse_compare(options.compare, crowd, find_program);
  }
  if (!options.baseline.empty()) Baseline::read(options);
  if (options.ranks > 0) return run_processes(options, options.ranks, argv);
  if (options.threads > 0) return run_processes(options, 1, argv);
  return launched ? run_launched(options) : run_processes(options, default_processes(), argv);
}

int guarded(int argc, char** argv) {
  Early early;
  const Options options = parse_options(argc, argv, early);
  if (early.leave) {
    if (!early.sentence.empty()) complain(early.sentence);
    if (!early.out.empty()) fmt::print("{}", early.out);
    return early.exit_status;
  }
  try {
    return run(options, argv);
  } catch (const Failure& failure) {
    complain(failure.what());
    return failure.exit_status();
  }
}

}  // namespace
}  // namespace hfreduce::perf

int main(int argc, char** argv) {
  hfreduce::perf::occupy_standard_descriptors();
  try {
    return hfreduce::perf::guarded(argc, argv);
  } catch (const std::exception& error) {
    hfreduce::perf::complain(error.what());
    return hfreduce::perf::kExitFailed;
  }
}
