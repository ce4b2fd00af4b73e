#include "bootstrap/silence.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <utility>

#include "base/clock.h"

namespace hfreduce::bootstrap {
namespace {

constexpr Nanoseconds kBetweenLooks = 250'000'000;
constexpr std::uint32_t kSilenceMs = 4500;
// A process or a machine that stood still itself must give the network time before it judges.
constexpr Nanoseconds kStoodStill = 1'000'000'000;
constexpr int kLeastLooks = 4;

void set(int fd, int level, int option, int value) {
  setsockopt(fd, level, option, &value, sizeof value);
}

}  // namespace

SilenceWatch::SilenceWatch(Loop& loop, std::function<void()> on_silent)
    : loop_(loop), on_silent_(std::move(on_silent)) {}

// An idle connection is given up after 1 + 4 s. What lies unread in a control connection is bounded
// (credits, one question at a time), so a stopped process is never mistaken for a dead host: its
// kernel answers.
void SilenceWatch::start(int fd) {
  fd_ = fd;
  set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set(fd, IPPROTO_TCP, TCP_KEEPIDLE, 1);
  set(fd, IPPROTO_TCP, TCP_KEEPINTVL, 1);
  set(fd, IPPROTO_TCP, TCP_KEEPCNT, 4);
  set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 4000);
  set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
}

void SilenceWatch::sent() {
  if (fd_ < 0 || next_) return;
  looks_ = 0;
  look_later();
}

void SilenceWatch::stop() {
  next_.reset();
  fd_ = -1;
}

void SilenceWatch::look_later() {
  last_look_ = now_ns();
  next_ = loop_.after(kBetweenLooks, [this] {
    next_.reset();
    look();
  });
}

void SilenceWatch::look() {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (getsockopt(fd_, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 || info.tcpi_unacked == 0) return;
  looks_ = now_ns() - last_look_ > kStoodStill ? 0 : looks_ + 1;
  // Keepalive has asked until something was sent: an answer is missing since the last one.
  if (info.tcpi_last_ack_recv >= kSilenceMs && looks_ >= kLeastLooks) return on_silent_();
  look_later();
}

}  // namespace hfreduce::bootstrap
