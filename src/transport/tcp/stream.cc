#include "transport/tcp/stream.h"

#include <fmt/core.h>
#include <linux/sockios.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace hfreduce::transport::tcp {
namespace {

// The most that one call moves in one direction: two of the largest segments with their headers. A
// quarter of it costs up to a fifth of the speed (more system calls, and messages cut in two);
// twice as much would gain another 3 %, but payloads that were summed might then have left the
// cache when the kernel copies them.
constexpr std::size_t kBudget = (512 << 10) + 2 * kHeaderBytes;
// Enough to send sixteen messages at once.
constexpr std::size_t kMostParts = 32;

// One part costs less without a message around it.
ssize_t receive_parts(int socket, iovec* parts, int count) noexcept {
  if (count == 1) return ::recv(socket, parts[0].iov_base, parts[0].iov_len, MSG_DONTWAIT);
  msghdr header{};
  header.msg_iov = parts;
  header.msg_iovlen = static_cast<std::size_t>(count);
  return ::recvmsg(socket, &header, MSG_DONTWAIT);
}

bool means_closed(int error_number) noexcept {
  return error_number == ECONNRESET || error_number == EPIPE;
}

bool means_later(int error_number) noexcept {
  return error_number == EAGAIN || error_number == EWOULDBLOCK || error_number == EINTR;
}

bool means_unreachable(int error_number) noexcept {
  return error_number == ETIMEDOUT || error_number == EHOSTUNREACH || error_number == ENETUNREACH ||
         error_number == ENETDOWN;
}

}  // namespace

std::string Peer::to_string() const {
  return host.empty() ? fmt::format("rank {}", rank) : fmt::format("rank {} on {}", rank, host);
}

Stream::Stream(StreamOptions options)
    : socket_(std::move(options.socket)),
      peer_(options.peer),
      reader_(options.peer->rank, options.inbox),
      queue_(options.queue, options.checksum) {}

bool Stream::post(const Message& message, const std::byte* payload) noexcept {
  if (!queue_.push(message, payload)) return false;
  // Who left has all it needs: what is still said to it is for nobody.
  if (reader_.goodbye()) queue_.discard();
  return true;
}

Status Stream::receive() {
  for (std::size_t budget = kBudget; budget > 0 && end_ != End::kClosed;) {
    iovec parts[2];
    const int count = reader_.targets(parts, budget);
    const std::size_t asked = parts[0].iov_len + (count > 1 ? parts[1].iov_len : 0);
    const ssize_t got = receive_parts(socket_.get(), parts, count);
    if (got == 0) return ended(0);
    if (got < 0) {
      if (means_closed(errno)) return ended(errno);
      if (!means_later(errno)) return io_failure("receiving from", errno);
      return end_ == End::kBroken ? ended(broken_by_) : Status();
    }
    const ReadFault fault = reader_.consume(static_cast<std::size_t>(got));
    if (fault != ReadFault::kNone) return read_failure(fault);
    if (reader_.goodbye()) queue_.discard();
    if (static_cast<std::size_t>(got) < asked && end_ == End::kOpen)
      return {};  // that was all there is
    budget -= std::min(budget, static_cast<std::size_t>(got));
  }
  return {};
}

Status Stream::send() {
  for (std::size_t budget = kBudget; budget > 0 && !queue_.empty() && end_ == End::kOpen;) {
    std::array<iovec, kMostParts> parts;
    msghdr header{};
    header.msg_iov = parts.data();
    header.msg_iovlen = static_cast<std::size_t>(queue_.gather(parts, budget));
    const ssize_t sent = ::sendmsg(socket_.get(), &header, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) {
      if (means_later(errno)) return {};
      if (!means_closed(errno)) return io_failure("sending to", errno);
      end_ = End::kBroken;
      broken_by_ = errno;
      return {};
    }
    queue_.sent(static_cast<std::size_t>(sent));
    budget -= std::min(budget, static_cast<std::size_t>(sent));
  }
  return {};
}

Status Stream::arm(int epoll_fd) {
  if (end_ == End::kClosed) {
    // An ended connection would wake the sleeper for ever.
    if (armed_at_ == epoll_fd) ::epoll_ctl(epoll_fd, EPOLL_CTL_DEL, socket_.get(), nullptr);
    armed_at_ = -1;
    return {};
  }
  const std::uint32_t wanted =
      EPOLLIN |
      (queue_.empty() || end_ == End::kBroken ? 0u : static_cast<std::uint32_t>(EPOLLOUT));
  if (armed_at_ == epoll_fd && armed_for_ == wanted) return {};
  epoll_event event{};
  event.events = wanted;
  event.data.fd = socket_.get();
  const int change = armed_at_ == epoll_fd ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  if (::epoll_ctl(epoll_fd, change, socket_.get(), &event) != 0) {
    return system_error(
        fmt::format("waiting in epoll for the connection with {}", peer_->to_string()));
  }
  armed_at_ = epoll_fd;
  armed_for_ = wanted;
  return {};
}

bool Stream::leave() noexcept {
  if (end_ != End::kOpen || reader_.goodbye()) return true;
  if (!said_goodbye_) said_goodbye_ = queue_.push_goodbye();
  if (!said_goodbye_ || !queue_.empty()) return false;
  int unacknowledged = 0;
  return ::ioctl(socket_.get(), SIOCOUTQ, &unacknowledged) != 0 || unacknowledged == 0;
}

// The other side closed; error_number 0: in the ordinary way.
Status Stream::ended(int error_number) {
  if (reader_.goodbye()) {
    end_ = End::kClosed;
    return {};
  }
  const char* how = error_number == 0 ? "end of file" : strerrorname_np(error_number);
  const std::string when = reader_.between_messages()
                               ? "between two messages"
                               : "in the middle of a message, after " + where();
  return Status(Code::kPeerDead, fmt::format("the data connection with {} ended ({}) {}: its "
                                             "process died, was killed or closed "
                                             "the communicator; see its own output",
                                             peer_->to_string(), how, when))
      .with_rank(peer_->rank, peer_->host);
}

std::string Stream::where() const {
  const Message& message = reader_.message();
  return fmt::format("{} of {} bytes for flag {}, offset {}", reader_.payload_received(),
                     message.bytes, message.flag, message.offset);
}

Status Stream::io_failure(const char* doing, int error_number) const {
  Status failure = system_error(fmt::format("{} {}", doing, peer_->to_string()), error_number);
  if (means_unreachable(error_number)) {
    failure =
        Status(Code::kPeerUnreachable,
               fmt::format("{}; nothing came back from its host: is it up, and the way to it?",
                           failure.text()));
  }
  return std::move(failure).with_rank(peer_->rank, peer_->host);
}

Status Stream::read_failure(ReadFault fault) const {
  const Message& message = reader_.message();
  const std::string which =
      fmt::format("flag {}, target {}, offset {}, {} bytes", message.flag,
                  static_cast<int>(message.target), message.offset, message.bytes);
  const auto fail = [this](Code code, std::string_view what) {
    return Status(code, fmt::format("from {}: {}", peer_->to_string(), what))
        .with_rank(peer_->rank, peer_->host);
  };
  constexpr std::string_view kCause =
      "TCP's own checksum let it pass; likely a faulty NIC, switch or memory on the way";
  switch (fault) {
    case ReadFault::kCheck:
      return fail(Code::kDataCorrupt,
                  fmt::format("a message header arrived damaged (CRC32C mismatch), after {}; {}",
                              which, kCause));
    case ReadFault::kPayload:
      return fail(
          Code::kDataCorrupt,
          fmt::format("a message arrived damaged (CRC32C mismatch): {}; {}", which, kCause));
    case ReadFault::kVersion:
      return fail(Code::kProtocolError,
                  "its messages have another version; run the same hfreduce on all ranks");
    case ReadFault::kPlace:
      return fail(Code::kProtocolError,
                  fmt::format("a message for a place that this rank does not have: {}", which));
    case ReadFault::kFlag:
      return fail(Code::kProtocolError,
                  fmt::format("a message for a flag that this rank does not have: {}", which));
    case ReadFault::kField:
      return fail(
          Code::kProtocolError,
          fmt::format("a message header makes no sense, after {}; another version?", which));
    case ReadFault::kAfterGoodbye:
      return fail(Code::kProtocolError, "bytes after the last message");
    case ReadFault::kMagic:
    case ReadFault::kNone:
      break;
  }
  return fail(
      Code::kProtocolError,
      fmt::format("bytes that are no message, after {}; another version, or damage on the way",
                  which));
}

}  // namespace hfreduce::transport::tcp
