// What the tests of the TCP link share: pairs of sockets, an inbox over plain memory, and a pump.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "transport/tcp/tcp_link.h"

namespace hfreduce::transport::testing {

struct SocketPair {
  UniqueFd a, b;
};

inline SocketPair local_pair() {
  int fds[2];
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

// A TCP connection over loopback; buffer_bytes 0: the kernel's own sizes.
inline SocketPair tcp_pair(int buffer_bytes = 0) {
  UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* raw = reinterpret_cast<sockaddr*>(&address);
  const auto limit = [buffer_bytes](int fd) {
    if (buffer_bytes == 0) return;
    ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer_bytes, sizeof buffer_bytes);
    ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof buffer_bytes);
  };
  limit(listener.get());
  EXPECT_EQ(::bind(listener.get(), raw, length), 0);
  EXPECT_EQ(::listen(listener.get(), 1), 0);
  EXPECT_EQ(::getsockname(listener.get(), raw, &length), 0);
  SocketPair pair;
  pair.a = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  limit(pair.a.get());
  EXPECT_EQ(::connect(pair.a.get(), raw, length), 0);
  pair.b = UniqueFd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  EXPECT_TRUE(pair.b.valid());
  return pair;
}

// A window and an output of bytes, and a record of what arrived.
class MemoryInbox final : public Inbox {
 public:
  explicit MemoryInbox(std::size_t bytes, std::uint32_t flags = 64)
      : window(bytes), output(bytes), values(flags) {}

  std::byte* place(int peer, const Message& message) noexcept override {
    EXPECT_EQ(peer, expected_peer);
    auto& memory = message.target == Target::kWindow ? window : output;
    if (message.offset > memory.size() || message.bytes > memory.size() - message.offset)
      return nullptr;
    return memory.data() + message.offset;
  }
  bool arrived(int peer, const Message& message) noexcept override {
    EXPECT_EQ(peer, expected_peer);
    if (message.flag >= values.size()) return false;
    values[message.flag] = message.value;
    messages.push_back(message);
    return true;
  }

  int expected_peer = 1;
  std::vector<std::byte> window, output;
  std::vector<std::uint64_t> values;
  std::vector<Message> messages;
};

inline std::unique_ptr<Link> make_link(UniqueFd socket, Inbox* inbox, bool checksum = true) {
  TcpLinkOptions options;
  options.peer = 1;
  options.host = "testhost";
  options.sockets.push_back(std::move(socket));
  options.checksum = checksum;
  options.inbox = inbox;
  auto link = make_tcp_link(std::move(options));
  EXPECT_TRUE(link.ok()) << link.status().to_string();
  return link.ok() ? std::move(*link) : nullptr;
}

// Drives both links until `finished`, one fails, or ten seconds have gone.
inline Status pump(Link& a, Link& b, const std::function<bool()>& finished) {
  const Deadline deadline = Deadline::after_ms(10'000);
  while (!finished()) {
    HFR_TRY(a.progress());
    HFR_TRY(b.progress());
    if (deadline.passed()) return Status(Code::kTimeout, "the links did not get on");
  }
  return {};
}

// Drives one link until it fails; the failure.
inline Status failure_of(Link& link) {
  const Deadline deadline = Deadline::after_ms(10'000);
  while (!deadline.passed()) {
    if (Status status = link.progress(); !status.ok()) return status;
  }
  return {};
}

inline std::vector<std::byte> pattern(std::size_t bytes, std::uint32_t seed) {
  std::vector<std::byte> result(bytes);
  std::uint32_t state = seed * 2654435761u + 1;
  for (std::byte& byte : result) {
    state = state * 1664525u + 1013904223u;
    byte = static_cast<std::byte>(state >> 24);
  }
  return result;
}

inline Message put(std::uint32_t flag, std::uint64_t value, std::uint64_t offset,
                   std::size_t bytes) {
  Message message;
  message.flag = flag;
  message.value = value;
  message.offset = offset;
  message.bytes = static_cast<std::uint32_t>(bytes);
  message.target = Target::kWindow;
  message.tag = {static_cast<std::uint32_t>(value), 0xfeed};
  return message;
}

inline Message signal(std::uint32_t flag, std::uint64_t value) {
  Message message;
  message.flag = flag;
  message.value = value;
  return message;
}

}  // namespace hfreduce::transport::testing
