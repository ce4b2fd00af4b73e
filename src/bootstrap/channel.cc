#include "bootstrap/channel.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

namespace hfreduce::bootstrap {
namespace {

Status meaning_of(int error) {
  const bool silence = error == ETIMEDOUT || error == EHOSTUNREACH || error == ENETUNREACH ||
                       error == EHOSTDOWN || error == ENETDOWN;
  return Status(silence ? Code::kPeerUnreachable : Code::kPeerDead,
                system_error("its control connection broke", error).text());
}

}  // namespace

Channel::Channel(Loop& loop, UniqueFd fd, ChannelOwner& owner)
    : loop_(loop), owner_(owner), fd_(std::move(fd)), silence_(loop, [this] {
        end(Status(Code::kPeerUnreachable, "it has not answered for 4.5 s"));
      }) {}

void Channel::start() {
  silence_.start(fd_.get());
  watch_ = loop_.watch(fd_.get(), EPOLLIN, *this);
}

void Channel::close() {
  silence_.stop();
  watch_.reset();
  fd_.reset();
  out_.clear();
}

void Channel::send(FrameType type, std::string payload) {
  if (!open()) return;
  const bool was_empty = out_.empty();
  out_ += encode(Frame{type, std::move(payload)});
  if (was_empty) write_some();
  if (!out_.empty() && was_empty && watch_) loop_.change(watch_, EPOLLIN | EPOLLOUT);
}

void Channel::write_some() {
  std::size_t sent = 0;
  while (sent < out_.size()) {
    const ssize_t bytes = ::send(fd_.get(), out_.data() + sent, out_.size() - sent, MSG_NOSIGNAL);
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
    // Broken: reading will tell why, after whatever the peer still had to say.
    sent = bytes < 0 ? out_.size() : sent + static_cast<std::size_t>(bytes);
  }
  out_.erase(0, sent);
  silence_.sent();
}

void Channel::ready(std::uint32_t events) {
  if ((events & EPOLLOUT) != 0 && !out_.empty()) {
    write_some();
    if (out_.empty()) {
      loop_.change(watch_, EPOLLIN);
      owner_.on_drained(*this);
      if (!open()) return;
    }
  }
  if ((events & ~EPOLLOUT) != 0) read_some();
}

void Channel::read_some() {
  std::array<char, 16384> buffer;
  const ssize_t bytes = ::recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (bytes < 0) {
    if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) end(meaning_of(errno));
    return;
  }
  if (bytes == 0) {
    end(Status(Code::kPeerDead, "its control connection was closed (end of file)"));
    return;
  }
  in_.feed({buffer.data(), static_cast<std::size_t>(bytes)});
  while (open()) {
    auto frame = in_.next();
    if (!frame.ok()) return end(frame.status());
    if (!*frame) return;
    owner_.on_frame(*this, std::move(**frame));
  }
}

void Channel::end(Status why) {
  close();
  owner_.on_end(*this, std::move(why));
}

void drop(Loop& loop, std::unique_ptr<Channel> channel) {
  if (!channel) return;
  channel->close();
  loop.bury(std::move(channel));
}

}  // namespace hfreduce::bootstrap
