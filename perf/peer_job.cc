#include "peer_job.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <ctime>

#include "clock.h"
#include "failure.h"
#include "peer_lines.h"
#include "peer_start.h"

namespace hfreduce::perf {
namespace {

constexpr off_t kFenceBytes = 4096;

std::int64_t deadline_of(double seconds) {
  return now_ns() + static_cast<std::int64_t>(seconds * 1e9);
}

}  // namespace

PeerJob::PeerJob(const PeerSpec& spec, const PeerSetting& setting, const PeerPlace& place,
                 PeerCompany& company)
    : spec_(spec),
      setting_(setting),
      place_(place),
      company_(company),
      pipes_(place.first, place.count,
             {[this](int rank) { gone(rank); }, [this] { check_launcher(); }}) {}

void PeerJob::start(double patience_s) {
  open_pipes();
  if (spec_.launcher.empty()) {
    company_.together([&] {
      start_alone();
      return PeerCompany::Lines{};
    });
  } else if (place_.spread) {
    start_daemons(patience_s);
  } else {
    start_launcher();
  }
}

// And a fence, of rank 0, where all ranks can map it.
void PeerJob::open_pipes() {
  const PeerCompany::Lines all = company_.together([&] {
    pipes_.open();
    if (place_.first != 0 || place_.hosts > 1) return PeerCompany::Lines{""};
    fence_.reset(memfd_create("hfreduce-perf-fence", MFD_CLOEXEC));
    if (!fence_ || ftruncate(fence_.get().number, kFenceBytes) != 0) {
      fail_with_errno("making shared memory (memfd_create)");
    }
    return PeerCompany::Lines{fmt::format("/proc/{}/fd/{}", getpid(), fence_.get().number)};
  });
  fence_path_ = all.front();
}

std::vector<std::string> PeerJob::environment() const {
  std::string cores;
  for (const int core : place_.cores) {
    cores += fmt::format("{}{}", cores.empty() ? "" : ",", core);
  }
  return {"HFREDUCE_PERF_PROTOCOL=1",
          fmt::format("HFREDUCE_PERF_RANKS={}", place_.ranks),
          "HFREDUCE_PERF_FENCE=" + fence_path_,
          "HFREDUCE_PERF_ADDRESS=" + place_.address,
          fmt::format("HFREDUCE_PERF_CORES={}", place_.bind ? cores : ""),
          fmt::format("HFREDUCE_PERF_OFFSET={}", place_.offset)};
}

// For an adapter that a launcher starts: whose it is, where it is, and the cores of our own rank.
std::string PeerJob::channel(std::size_t at) {
  const PeerPipes::Theirs& theirs = pipes_.theirs(at);
  std::string text =
      fmt::format("{0}=/proc/{1}/fd/{2}:/proc/{1}/fd/{3}=", place_.first + static_cast<int>(at),
                  getpid(), theirs.in.get().number, theirs.out.get().number);
  for (std::size_t i = 0; place_.spread && i < place_.cores.size(); ++i) {
    text += fmt::format("{}{}", i == 0 ? "" : "+", place_.cores[i]);
  }
  return text;
}

void PeerJob::start_alone() {
  for (std::size_t at = 0; at < pipes_.size(); ++at) {
    const int rank = place_.first + static_cast<int>(at);
    PeerPipes::Theirs& theirs = pipes_.theirs(at);
    Start start;
    start.words = spec_.program;
    start.words.insert(start.words.end(), setting_.arguments.begin(), setting_.arguments.end());
    start.environment = environment();
    start.environment.push_back(fmt::format("HFREDUCE_PERF_RANK={}", rank));
    start.in = theirs.in.get().number;
    start.out = theirs.out.get().number;
    start.cores = place_.cores;
    if (place_.bind) start.cores = {place_.cores[at % place_.cores.size()]};
    children_.push_back({start_program(start), rank});
    theirs = {};
  }
}

void PeerJob::start_launcher() {
  Start start;
  start.words = spec_.launcher;
  start.words.insert(start.words.end(), setting_.arguments.begin(), setting_.arguments.end());
  start.words.insert(start.words.end(), spec_.program.begin(), spec_.program.end());
  start.environment = environment();
  std::string channels;
  for (std::size_t at = 0; at < pipes_.size(); ++at) {
    if (at > 0) channels += ',';
    channels += channel(at);
  }
  start.environment.push_back("HFREDUCE_PERF_CHANNELS=" + channels);
  start.cores = place_.cores;
  start.gently = true;
  children_.push_back({start_program(start), -1});
}

void PeerJob::gone(int rank) {
  for (Child& child : children_) {
    if (child.rank != rank || child.pid < 0) continue;
    // Its pipe is closed; the process itself may need a moment.
    int status = 0;
    for (int i = 0; i < 100; ++i) {
      if (waitpid(child.pid, &status, WNOHANG) == child.pid) {
        child.pid = -1;
        throw Failure(fmt::format("its rank {} ended ({})", rank, end_of(status)));
      }
      const timespec pause = {0, 5'000'000};
      nanosleep(&pause, nullptr);
    }
  }
  throw Failure(fmt::format("its rank {} has closed its end of the pipe", rank));
}

void PeerJob::check_launcher() {
  for (Child& child : children_) {
    int status = 0;
    if (child.rank >= 0 || child.pid < 0) continue;
    if (waitpid(child.pid, &status, WNOHANG) != child.pid) continue;
    child.pid = -1;
    throw Failure(fmt::format("its launcher ended ({})", end_of(status)));
  }
}

void PeerJob::wait_until_ready(double patience_s) {
  const std::int64_t deadline_ns = deadline_of(patience_s);
  while (true) {
    const std::vector<std::string> lines =
        company_.together([&] { return pipes_.receive(deadline_ns, patience_s); });
    const auto asks = [](const std::string& line) { return line.rfind("gather ", 0) == 0; };
    if (std::all_of(lines.begin(), lines.end(), asks)) {
      std::string all = "gathered";
      for (const std::string& line : lines) all += line.substr(6);
      company_.together([&] {
        pipes_.send_all(all, deadline_ns);
        return PeerCompany::Lines{};
      });
      continue;
    }
    for (std::size_t r = 0; r < lines.size(); ++r) {
      if (lines[r] == "ready") continue;
      const bool error = lines[r].rfind("error ", 0) == 0;
      throw Failure(fmt::format("its rank {} {} '{}'{}", r, error ? "says" : "began with",
                                printable(error ? lines[r].substr(6) : lines[r]),
                                error ? "" : ", where 'ready' or 'gather TEXT' was due"));
    }
    pipes_.forget_their_ends();
    return;
  }
}

PeerJob::Answers PeerJob::ask(const std::string& line, double patience_s) {
  const std::int64_t begin = now_ns(), deadline_ns = deadline_of(patience_s);
  Answers answers;
  answers.lines = company_.together([&] {
    pipes_.expect_quiet();
    pipes_.send_all(line, deadline_ns);
    return pipes_.receive(deadline_ns, patience_s);
  });
  answers.elapsed_us = company_.longest(us_since(begin));
  return answers;
}

bool PeerJob::wait_for_ends(double seconds) {
  const std::int64_t deadline_ns = deadline_of(seconds);
  while (true) {
    bool left = false;
    for (Child& child : children_) {
      if (child.pid >= 0 && waitpid(child.pid, nullptr, WNOHANG) == child.pid) child.pid = -1;
      left = left || child.pid >= 0;
    }
    if (!left || now_ns() >= deadline_ns) return !left;
    const timespec pause = {0, 5'000'000};
    nanosleep(&pause, nullptr);
  }
}

void PeerJob::signal_all(int signal) {
  for (const Child& child : children_) {
    if (child.pid >= 0) kill(-child.pid, signal);  // and whom it has started
  }
}

PeerJob::~PeerJob() {
  pipes_.close();  // the end of their standard input tells them to leave
  if (wait_for_ends(3)) return;
  signal_all(SIGTERM);
  if (wait_for_ends(3)) return;
  signal_all(SIGKILL);
  wait_for_ends(3);
}

}  // namespace hfreduce::perf
