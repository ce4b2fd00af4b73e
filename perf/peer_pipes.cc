#include "peer_pipes.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <ctime>

#include "clock.h"
#include "peer_company.h"
#include "peer_lines.h"

namespace hfreduce::perf {
namespace {

constexpr std::size_t kLongestLine = 8 << 20;

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

}  // namespace

PeerPipes::PeerPipes(int first, int count, Watch watch)
    : first_(first), watch_(std::move(watch)), channels_(static_cast<std::size_t>(count)) {}

void PeerPipes::open() {
  for (Channel& channel : channels_) {
    int to[2], from[2];
    if (pipe2(to, O_CLOEXEC) != 0) fail_with_errno("making a pipe");
    channel.theirs.in.reset(to[0]);
    channel.to.reset(to[1]);
    if (pipe2(from, O_CLOEXEC) != 0) fail_with_errno("making a pipe");
    channel.from.reset(from[0]);
    channel.theirs.out.reset(from[1]);
    fcntl(channel.to.get().number, F_SETFL, O_NONBLOCK);
    fcntl(channel.from.get().number, F_SETFL, O_NONBLOCK);
  }
}

void PeerPipes::forget_their_ends() {
  for (Channel& channel : channels_) channel.theirs = {};
}

std::string PeerPipes::who(std::size_t at) const {
  return fmt::format("its rank {}", first_ + static_cast<int>(at));
}

void PeerPipes::send(std::size_t at_channel, const std::string& line, std::int64_t deadline_ns) {
  const int fd = channels_[at_channel].to.get().number;
  const std::string whole = line + "\n";
  for (std::size_t at = 0; at < whole.size();) {
    const ssize_t written = write_quietly(fd, whole.data() + at, whole.size() - at);
    if (written > 0) {
      at += static_cast<std::size_t>(written);
    } else if (errno == EPIPE) {
      watch_.gone(first_ + static_cast<int>(at_channel));
    } else if (now_ns() >= deadline_ns) {
      throw Late(fmt::format("{} reads nothing", who(at_channel)));
    } else {
      pollfd one = {fd, POLLOUT, 0};
      poll(&one, 1, left_ms(deadline_ns));
    }
  }
}

bool PeerPipes::read_some(std::size_t at) {
  Channel& channel = channels_[at];
  char part[65536];
  const ssize_t got = read(channel.from.get().number, part, sizeof(part));
  if (got == 0) watch_.gone(first_ + static_cast<int>(at));
  if (got < 0) return false;
  channel.pending.append(part, static_cast<std::size_t>(got));
  if (channel.pending.size() > kLongestLine) {
    throw Failure(fmt::format("{} writes a line without end", who(at)));
  }
  return true;
}

std::vector<std::string> PeerPipes::receive(std::int64_t deadline_ns, double patience_s) {
  std::vector<std::string> lines(channels_.size());
  std::vector<bool> have(channels_.size());
  while (true) {
    std::vector<pollfd> missing;
    std::vector<std::size_t> channels;
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
      channels.push_back(r);
    }
    if (missing.empty()) return lines;
    watch_.launcher();
    if (now_ns() >= deadline_ns) {
      throw Late(fmt::format("{} has not answered within {:g} s", who(channels[0]), patience_s));
    }
    poll(missing.data(), missing.size(), left_ms(deadline_ns));
    for (std::size_t i = 0; i < missing.size(); ++i) {
      if (missing[i].revents != 0) read_some(channels[i]);
    }
  }
}

void PeerPipes::expect_quiet() {
  for (std::size_t at = 0; at < channels_.size(); ++at) {
    while (read_some(at)) {
    }
    if (channels_[at].pending.empty()) continue;
    throw Failure(
        fmt::format("{} said '{}' without being asked", who(at), printable(channels_[at].pending)));
  }
}

void PeerPipes::send_all(const std::string& line, std::int64_t deadline_ns) {
  for (std::size_t at = 0; at < channels_.size(); ++at) send(at, line, deadline_ns);
}

}  // namespace hfreduce::perf
