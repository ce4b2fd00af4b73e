#include "peer_job.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <ctime>

#include "clock.h"
#include "failure.h"
#include "peer_lines.h"
#include "peer_start.h"

namespace hfreduce::perf {
namespace {

constexpr std::size_t kLongestLine = 8 << 20;
constexpr off_t kFenceBytes = 4096;

// Writes what fits. SIGPIPE, which a reader that has died would cause, stays away.
ssize_t write_quietly(int fd, const char* data, std::size_t bytes) {
  sigset_t pipe, before;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe, &before);
  const ssize_t written = write(fd, data, bytes);
  const int error = errno;
  const timespec at_once = {0, 0};
  if (written < 0 && error == EPIPE) sigtimedwait(&pipe, nullptr, &at_once);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = error;
  return written;
}

int left_ms(std::int64_t deadline_ns) {
  const std::int64_t left = deadline_ns - now_ns();
  return left <= 0 ? 0 : static_cast<int>(std::min<std::int64_t>(left / 1'000'000 + 1, 100));
}

std::int64_t deadline_of(double seconds) {
  return now_ns() + static_cast<std::int64_t>(seconds * 1e9);
}

}  // namespace

PeerJob::PeerJob(const PeerSpec& spec, const PeerSetting& setting, int ranks,
                 std::vector<int> cores, bool bind)
    : cores_(std::move(cores)), bind_(bind) {
  fence_.reset(memfd_create("hfreduce-perf-fence", MFD_CLOEXEC));
  if (!fence_ || ftruncate(fence_.get().number, kFenceBytes) != 0) {
    fail_with_errno("making shared memory (memfd_create)");
  }
  open_channels(ranks);
  if (spec.launcher.empty()) {
    start_alone(spec, setting);
  } else {
    start_launcher(spec, setting);
  }
}

void PeerJob::open_channels(int ranks) {
  channels_.resize(static_cast<std::size_t>(ranks));
  for (Channel& channel : channels_) {
    int to[2], from[2];
    if (pipe2(to, O_CLOEXEC) != 0) fail_with_errno("making a pipe");
    channel.their_in.reset(to[0]);
    channel.to.reset(to[1]);
    if (pipe2(from, O_CLOEXEC) != 0) fail_with_errno("making a pipe");
    channel.from.reset(from[0]);
    channel.their_out.reset(from[1]);
    fcntl(channel.to.get().number, F_SETFL, O_NONBLOCK);
    fcntl(channel.from.get().number, F_SETFL, O_NONBLOCK);
  }
}

std::vector<std::string> PeerJob::environment(int rank) const {
  std::vector<std::string> all = {
      "HFREDUCE_PERF_PROTOCOL=1", fmt::format("HFREDUCE_PERF_RANKS={}", channels_.size()),
      fmt::format("HFREDUCE_PERF_FENCE=/proc/{}/fd/{}", getpid(), fence_.get().number)};
  std::string cores, channels;
  for (const int core : cores_) cores += fmt::format("{}{}", cores.empty() ? "" : ",", core);
  all.push_back(fmt::format("HFREDUCE_PERF_CORES={}", bind_ ? cores : ""));
  if (rank >= 0) {
    all.push_back(fmt::format("HFREDUCE_PERF_RANK={}", rank));
    return all;
  }
  for (const Channel& c : channels_) {
    channels += fmt::format("{}/proc/{}/fd/{}:/proc/{}/fd/{}", channels.empty() ? "" : ",",
                            getpid(), c.their_in.get().number, getpid(), c.their_out.get().number);
  }
  all.push_back("HFREDUCE_PERF_CHANNELS=" + channels);
  return all;
}

void PeerJob::start_alone(const PeerSpec& spec, const PeerSetting& setting) {
  for (std::size_t rank = 0; rank < channels_.size(); ++rank) {
    Channel& channel = channels_[rank];
    Start start;
    start.words = spec.program;
    start.words.insert(start.words.end(), setting.arguments.begin(), setting.arguments.end());
    start.environment = environment(static_cast<int>(rank));
    start.in = channel.their_in.get().number;
    start.out = channel.their_out.get().number;
    start.cores = bind_ ? std::vector<int>{cores_[rank % cores_.size()]} : cores_;
    children_.push_back({start_program(start), static_cast<int>(rank)});
    channel.their_in.reset();
    channel.their_out.reset();
  }
}

void PeerJob::start_launcher(const PeerSpec& spec, const PeerSetting& setting) {
  Start start;
  start.words = spec.launcher;
  start.words.insert(start.words.end(), setting.arguments.begin(), setting.arguments.end());
  start.words.insert(start.words.end(), spec.program.begin(), spec.program.end());
  start.environment = environment(-1);
  start.cores = cores_;
  start.gently = true;
  children_.push_back({start_program(start), -1});
}

std::string PeerJob::who(int rank) const { return fmt::format("its rank {}", rank); }

void PeerJob::gone(int rank) {
  for (Child& child : children_) {
    if (child.rank != rank || child.pid < 0) continue;
    // Its pipe is closed; the process itself may need a moment.
    int status = 0;
    for (int i = 0; i < 100; ++i) {
      if (waitpid(child.pid, &status, WNOHANG) == child.pid) {
        child.pid = -1;
        throw Failure(fmt::format("{} ended ({})", who(rank), end_of(status)));
      }
      const timespec pause = {0, 5'000'000};
      nanosleep(&pause, nullptr);
    }
  }
  throw Failure(fmt::format("{} has closed its end of the pipe", who(rank)));
}

void PeerJob::check_launcher() {
  int status = 0;
  Child& child = children_.front();
  if (child.rank >= 0 || child.pid < 0) return;
  if (waitpid(child.pid, &status, WNOHANG) != child.pid) return;
  child.pid = -1;
  throw Failure(fmt::format("its launcher ended ({})", end_of(status)));
}

void PeerJob::send(int rank, const std::string& line, std::int64_t deadline_ns) {
  const int fd = channels_[static_cast<std::size_t>(rank)].to.get().number;
  const std::string whole = line + "\n";
  for (std::size_t at = 0; at < whole.size();) {
    const ssize_t written = write_quietly(fd, whole.data() + at, whole.size() - at);
    if (written > 0) {
      at += static_cast<std::size_t>(written);
    } else if (errno == EPIPE) {
      gone(rank);
    } else if (now_ns() >= deadline_ns) {
      throw Failure(fmt::format("{} reads nothing", who(rank)));
    } else {
      pollfd one = {fd, POLLOUT, 0};
      poll(&one, 1, left_ms(deadline_ns));
    }
  }
}

bool PeerJob::read_some(int rank) {
  Channel& channel = channels_[static_cast<std::size_t>(rank)];
  char part[65536];
  const ssize_t got = read(channel.from.get().number, part, sizeof(part));
  if (got == 0) gone(rank);
  if (got < 0) return false;
  channel.pending.append(part, static_cast<std::size_t>(got));
  if (channel.pending.size() > kLongestLine) {
    throw Failure(fmt::format("{} writes a line without end", who(rank)));
  }
  return true;
}

std::vector<std::string> PeerJob::receive(std::int64_t deadline_ns, double patience_s) {
  std::vector<std::string> lines(channels_.size());
  std::vector<bool> have(channels_.size());
  while (true) {
    std::vector<pollfd> missing;
    std::vector<int> ranks;
    for (std::size_t r = 0; r < channels_.size(); ++r) {
      std::string& pending = channels_[r].pending;
      const std::size_t end = pending.find('\n');
      if (!have[r] && end != std::string::npos) {
        lines[r] = pending.substr(0, end);
        pending.erase(0, end + 1);
        have[r] = true;
      }
      if (have[r]) continue;
      missing.push_back({channels_[r].from.get().number, POLLIN, 0});
      ranks.push_back(static_cast<int>(r));
    }
    if (missing.empty()) return lines;
    check_launcher();
    if (now_ns() >= deadline_ns) {
      throw Failure(fmt::format("{} has not answered within {:g} s", who(ranks[0]), patience_s));
    }
    poll(missing.data(), missing.size(), left_ms(deadline_ns));
    for (std::size_t i = 0; i < missing.size(); ++i) {
      if (missing[i].revents != 0) read_some(ranks[i]);
    }
  }
}

void PeerJob::wait_until_ready(double patience_s) {
  const std::int64_t deadline_ns = deadline_of(patience_s);
  while (true) {
    const std::vector<std::string> lines = receive(deadline_ns, patience_s);
    const auto asks = [](const std::string& line) { return line.rfind("gather ", 0) == 0; };
    if (std::all_of(lines.begin(), lines.end(), asks)) {
      std::string all = "gathered";
      for (const std::string& line : lines) all += line.substr(6);
      for (std::size_t r = 0; r < lines.size(); ++r) send(static_cast<int>(r), all, deadline_ns);
      continue;
    }
    for (std::size_t r = 0; r < lines.size(); ++r) {
      if (lines[r] == "ready") continue;
      const bool error = lines[r].rfind("error ", 0) == 0;
      throw Failure(fmt::format("{} {} '{}'{}", who(static_cast<int>(r)),
                                error ? "says" : "began with",
                                printable(error ? lines[r].substr(6) : lines[r]),
                                error ? "" : ", where 'ready' or 'gather TEXT' was due"));
    }
    // From here on the end of a process shows as the end of its pipe.
    for (Channel& channel : channels_) {
      channel.their_in.reset();
      channel.their_out.reset();
    }
    return;
  }
}

std::vector<std::string> PeerJob::ask(const std::string& line, double patience_s) {
  const std::int64_t deadline_ns = deadline_of(patience_s);
  for (std::size_t r = 0; r < channels_.size(); ++r) {
    const int rank = static_cast<int>(r);
    while (read_some(rank)) {
    }
    if (!channels_[r].pending.empty()) {
      throw Failure(fmt::format("{} said '{}' without being asked", who(rank),
                                printable(channels_[r].pending)));
    }
  }
  for (std::size_t r = 0; r < channels_.size(); ++r) send(static_cast<int>(r), line, deadline_ns);
  return receive(deadline_ns, patience_s);
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
  channels_.clear();  // the end of their standard input tells them to leave
  if (wait_for_ends(3)) return;
  signal_all(SIGTERM);
  if (wait_for_ends(3)) return;
  signal_all(SIGKILL);
  wait_for_ends(3);
}

}  // namespace hfreduce::perf
