#include "transport/tcp/tcp_link.h"

#include <fmt/core.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <bit>
#include <cerrno>

#include "transport/tcp/stream.h"

namespace hfreduce::transport {
namespace {

using tcp::Peer;
using tcp::Stream;
using tcp::StreamOptions;

class TcpLink final : public Link {
 public:
  explicit TcpLink(TcpLinkOptions options)
      : peer_(std::make_unique<Peer>(Peer{options.peer, std::move(options.host)})) {
    streams_.reserve(options.sockets.size());
    for (UniqueFd& socket : options.sockets) {
      streams_.emplace_back(StreamOptions{.socket = std::move(socket),
                                          .peer = peer_.get(),
                                          .inbox = options.inbox,
                                          .checksum = options.checksum,
                                          .queue = options.queue});
    }
  }

  // All messages of a flag take one connection, which keeps their order.
  bool post(const Message& message, const std::byte* payload, Ticket* ticket) noexcept override {
    const std::size_t index = message.flag % streams_.size();
    Stream& stream = streams_[index];
    if (!stream.post(message, payload)) return false;
    *ticket = stream.queue().posted() * streams_.size() + index;
    return true;
  }

  bool done(Ticket ticket) const noexcept override {
    const Stream& stream = streams_[ticket % streams_.size()];
    return stream.queue().completed() >= ticket / streams_.size();
  }

  // Reads before it writes: a peer whose window is full is served first, so two of them cannot
  // block each other.
  Status move(Ways ways) override {
    if (!failure_.ok()) return failure_;
    for (Stream& stream : streams_) {
      if (ways == Ways::kOut) break;
      if (Status status = stream.receive(); !status.ok()) return failure_ = std::move(status);
    }
    for (Stream& stream : streams_) {
      if (Status status = stream.send(); !status.ok()) return failure_ = std::move(status);
    }
    return {};
  }

  bool idle() const noexcept override {
    return std::all_of(streams_.begin(), streams_.end(),
                       [](const Stream& stream) { return stream.queue().empty(); });
  }

  Status arm(int epoll_fd) override {
    for (Stream& stream : streams_) HFR_TRY(stream.arm(epoll_fd));
    return {};
  }

  bool leave() noexcept override {
    bool left = true;
    for (Stream& stream : streams_) left = stream.leave() && left;
    return left || !failure_.ok();
  }

 private:
  std::unique_ptr<Peer> peer_;  // where the streams find it, wherever this object is
  std::vector<Stream> streams_;
  Status failure_;
};

// Segments must leave at once, not wait for a fuller packet.
Status disable_nagle(int socket, int peer) {
  const int on = 1;
  if (::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0) return {};
  // A local socket knows no such option, and needs none.
  if (errno == EOPNOTSUPP || errno == ENOPROTOOPT) return {};
  return system_error(fmt::format("setting TCP_NODELAY on the connection with rank {}", peer));
}

// What lies in the kernel unsent goes out when an acknowledgement comes, from the core that handles
// it, and passes what this process sends from its own: the receiver sees packets out of order, and
// congestion control takes that for loss. So little may lie there; what is on its way is not
// bounded by this.
Status bound_unsent(int socket, int peer) {
  const int most = 128 << 10;
  if (::setsockopt(socket, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &most, sizeof most) == 0) return {};
  if (errno == EOPNOTSUPP || errno == ENOPROTOOPT) return {};
  return system_error(
      fmt::format("setting TCP_NOTSENT_LOWAT on the connection with rank {}", peer));
}

}  // namespace

Result<std::unique_ptr<Link>> make_tcp_link(TcpLinkOptions options) {
  if (options.sockets.empty() || options.inbox == nullptr || !std::has_single_bit(options.queue)) {
    return Status(
        Code::kInternalError,
        fmt::format(
            "a TCP link with rank {} needs sockets (has {}), an inbox and a queue that is a "
            "power of two (is {})",
            options.peer, options.sockets.size(), options.queue));
  }
  for (const UniqueFd& socket : options.sockets) {
    HFR_TRY(disable_nagle(socket.get(), options.peer));
    HFR_TRY(bound_unsent(socket.get(), options.peer));
    HFR_TRY(use_congestion(socket, options.congestion));
  }
  return std::unique_ptr<Link>(std::make_unique<TcpLink>(std::move(options)));
}

}  // namespace hfreduce::transport
