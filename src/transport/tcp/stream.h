// One connection of a link: its socket, what waits to be sent on it and what arrives.
#pragma once

#include <string>

#include "base/fd.h"
#include "base/status.h"
#include "transport/tcp/frame_reader.h"
#include "transport/tcp/send_queue.h"

namespace hfreduce::transport::tcp {

// Whom a link leads to.
struct Peer {
  int rank = -1;
  std::string host;

  std::string to_string() const;
};

struct StreamOptions {
  UniqueFd socket;
  const Peer* peer = nullptr;  // outlives the stream
  Inbox* inbox = nullptr;
  bool checksum = true;
  std::size_t queue = 256;
};

class Stream {
 public:
  explicit Stream(StreamOptions options);

  // Each moves what can be moved at once, but not more than a bounded amount, so that neither
  // direction waits for the other.
  Status receive();
  Status send();
  // Registers the socket with epoll_fd for what it waits for.
  Status arm(int epoll_fd);

  bool post(const Message& message, const std::byte* payload) noexcept;
  // See Link::leave.
  bool leave() noexcept;

  const SendQueue& queue() const noexcept { return queue_; }

 private:
  enum class End : std::uint8_t { kOpen, kBroken, kClosed };

  Status ended(int error_number);
  Status read_failure(ReadFault fault) const;
  Status io_failure(const char* doing, int error_number) const;
  std::string where() const;

  UniqueFd socket_;
  const Peer* peer_;
  FrameReader reader_;
  SendQueue queue_;
  // kBroken: sending failed because the other side closed; what it sent before is still to be read,
  // and only that tells whether it left or died. kClosed: it left, and everything was read.
  End end_ = End::kOpen;
  int broken_by_ = 0;  // errno
  bool said_goodbye_ = false;
  int armed_at_ = -1;  // the epoll descriptor, and the events it was told
  std::uint32_t armed_for_ = 0;
};

}  // namespace hfreduce::transport::tcp
