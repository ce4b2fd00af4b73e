// What the TCP link says when its connection ends, lies or is damaged.
#include <gmock/gmock.h>
#include <sys/epoll.h>

#include "tcp_fixture.h"
#include "transport/tcp/frame.h"

namespace hfreduce::transport {
namespace {

using namespace testing;  // NOLINT: the fixture
using ::testing::HasSubstr;

// A link whose other end is in the test's hands.
struct Raw {
  explicit Raw(SocketPair pair) : peer(std::move(pair.b)) {
    link = make_link(std::move(pair.a), &inbox);
  }

  void send(const void* data, std::size_t bytes) {
    ASSERT_EQ(::send(peer.get(), data, bytes, MSG_NOSIGNAL), static_cast<ssize_t>(bytes));
  }
  void send(const tcp::Frame& frame) {
    const tcp::HeaderBytes bytes = tcp::encode(frame);
    send(bytes.data(), bytes.size());
  }

  MemoryInbox inbox{4096, 8};
  UniqueFd peer;
  std::unique_ptr<Link> link;
};

tcp::Frame frame_of(const Message& message) {
  tcp::Frame frame;
  frame.message = message;
  return frame;
}

void expect_failure(const Status& status, Code code, const char* text) {
  EXPECT_EQ(status.code(), code) << status.to_string();
  EXPECT_THAT(status.text(), HasSubstr(text));
  if (status.ok()) return;
  EXPECT_EQ(status.detail().rank, 1);
  EXPECT_EQ(status.detail().host, "testhost");
  EXPECT_THAT(status.text(), HasSubstr("rank 1 on testhost"));
}

TEST(TcpFault, EndOfFileIsADeadPeer) {
  Raw raw(tcp_pair());
  ASSERT_TRUE(raw.link->progress().ok());
  raw.peer.reset();
  expect_failure(failure_of(*raw.link), Code::kPeerDead, "between two messages");
  expect_failure(raw.link->progress(), Code::kPeerDead,
                 "between two messages");  // a failure is final
}

TEST(TcpFault, EndOfFileInAMessageTellsHowFarItGot) {
  Raw raw(tcp_pair());
  raw.send(frame_of(put(3, 1, 64, 100)));
  raw.send("twelve bytes", 12);
  raw.peer.reset();
  expect_failure(failure_of(*raw.link), Code::kPeerDead, "12 of 100 bytes for flag 3, offset 64");
  EXPECT_TRUE(raw.inbox.messages.empty());
}

TEST(TcpFault, EndOfFileInAHeader) {
  Raw raw(local_pair());
  raw.send(tcp::encode(frame_of(signal(1, 1))).data(), 20);
  raw.peer.reset();
  expect_failure(failure_of(*raw.link), Code::kPeerDead, "in the middle of a message");
}

TEST(TcpFault, ResetIsADeadPeerWhicheverWayItShows) {
  const linger at_once{1, 0};
  {
    Raw raw(tcp_pair());
    ASSERT_EQ(::setsockopt(raw.peer.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    raw.peer.reset();
    expect_failure(failure_of(*raw.link), Code::kPeerDead, "ECONNRESET");
  }
  // While there is much to send, sending is what fails.
  Raw raw(tcp_pair());
  const auto data = pattern(4 << 20, 1);
  Ticket ticket = 0;
  ASSERT_TRUE(raw.link->post(put(1, 1, 0, data.size()), data.data(), &ticket));
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(raw.link->progress().ok());
  ASSERT_EQ(::setsockopt(raw.peer.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
  raw.peer.reset();
  expect_failure(failure_of(*raw.link), Code::kPeerDead, "ended");
  EXPECT_FALSE(raw.link->done(ticket));
}

// What a peer sent before it died is delivered, even when writing to it has failed by then.
TEST(TcpFault, WhatCameBeforeTheEndIsDelivered) {
  Raw raw(tcp_pair());
  for (std::uint64_t i = 1; i <= 50; ++i) raw.send(frame_of(signal(1, i)));
  raw.peer.reset();
  Ticket ticket = 0;
  ASSERT_TRUE(raw.link->post(signal(1, 1), nullptr, &ticket));
  expect_failure(failure_of(*raw.link), Code::kPeerDead, "between two messages");
  EXPECT_EQ(raw.inbox.values[1], 50u);
}

TEST(TcpFault, GarbageIsAProtocolError) {
  Raw raw(local_pair());
  const char request[] = "GET / HTTP/1.1\r\nHost: example\r\nAccept: */*\r\n\r\n";
  raw.send(request, sizeof request - 1);
  expect_failure(failure_of(*raw.link), Code::kProtocolError, "bytes that are no message");
}

TEST(TcpFault, OtherVersionIsSaidPlainly) {
  Raw raw(local_pair());
  tcp::HeaderBytes bytes = tcp::encode(frame_of(signal(1, 1)));
  bytes[1] = std::byte{9};
  tcp::seal(bytes, 0);
  raw.send(bytes.data(), bytes.size());
  expect_failure(failure_of(*raw.link), Code::kProtocolError, "run the same hfreduce on all ranks");
}

TEST(TcpFault, HostilePlacesFlagsAndSizes) {
  struct Case {
    Message message;
    const char* text;
  };
  Message nowhere = put(1, 1, 0, 8);
  nowhere.target = Target::kNone;
  const Case cases[] = {
      {put(1, 1, 4096, 1), "a place that this rank does not have"},
      {put(1, 1, ~0ull - 2, 8), "a place that this rank does not have"},
      {put(1, 1, 0, 1u << 30), "a place that this rank does not have"},
      {put(1, 1, 0, (1u << 30) + 1), "makes no sense"},
      {put(1, 1, 0, 0xffffffffu), "makes no sense"},
      {nowhere, "makes no sense"},
      {signal(8, 1), "a flag that this rank does not have"},
      {signal(0xffffffffu, 1), "a flag that this rank does not have"},
  };
  for (const Case& c : cases) {
    Raw raw(local_pair());
    raw.send(frame_of(c.message));
    expect_failure(failure_of(*raw.link), Code::kProtocolError, c.text);
    EXPECT_TRUE(raw.inbox.messages.empty());
  }
}

TEST(TcpFault, AFlagIsNotRaisedForADamagedPayload) {
  Raw raw(local_pair());
  tcp::Frame frame = frame_of(put(3, 1, 64, 5));
  frame.checksummed = true;
  frame.payload_crc = 0x12345678;
  raw.send(frame);
  raw.send("wrong", 5);
  const Status status = failure_of(*raw.link);
  expect_failure(status, Code::kDataCorrupt, "flag 3, target 1, offset 64, 5 bytes");
  EXPECT_THAT(status.text(), HasSubstr("faulty NIC"));
  EXPECT_TRUE(raw.inbox.messages.empty());
}

// Carries bytes from one socket to another and flips one bit of the n-th.
class Relay {
 public:
  Relay(UniqueFd from, UniqueFd to, std::size_t flipped_bit)
      : from_(std::move(from)), to_(std::move(to)), flipped_bit_(flipped_bit) {}
  void step() {
    std::uint8_t buffer[1000];
    const ssize_t got = ::recv(from_.get(), buffer, sizeof buffer, MSG_DONTWAIT);
    if (got <= 0) return;
    const std::size_t end = carried_ + static_cast<std::size_t>(got);
    if (flipped_bit_ / 8 >= carried_ && flipped_bit_ / 8 < end) {
      buffer[flipped_bit_ / 8 - carried_] ^= static_cast<std::uint8_t>(1u << (flipped_bit_ % 8));
    }
    carried_ = end;
    ASSERT_EQ(::send(to_.get(), buffer, static_cast<std::size_t>(got), MSG_NOSIGNAL), got);
  }

 private:
  UniqueFd from_, to_;
  std::size_t flipped_bit_;
  std::size_t carried_ = 0;
};

// What comes of three messages when one bit of the stream is flipped on the way.
Status send_through_relay(std::size_t flipped_bit, MemoryInbox* inbox, bool checksum = true) {
  SocketPair first = local_pair(), second = local_pair();
  MemoryInbox unused(16);
  const auto sender = make_link(std::move(first.a), &unused, checksum);
  Relay relay(std::move(first.b), std::move(second.a), flipped_bit);
  const auto receiver = make_link(std::move(second.b), inbox, checksum);
  static const auto data = pattern(300, 4);
  Ticket ticket = 0;
  EXPECT_TRUE(sender->post(put(1, 1, 0, 300), data.data(), &ticket));
  EXPECT_TRUE(sender->post(signal(2, 1), nullptr, &ticket));
  EXPECT_TRUE(sender->post(put(3, 1, 500, 200), data.data(), &ticket));
  for (int i = 0; i < 10; ++i) {
    HFR_TRY(sender->progress());
    relay.step();
    HFR_TRY(receiver->progress());
  }
  return {};
}

constexpr std::size_t kStream = 3 * tcp::kHeaderBytes + 500;

TEST(TcpFault, EveryFlippedBitInTheStreamIsFound) {
  MemoryInbox untouched(1024);
  ASSERT_TRUE(send_through_relay(8 * kStream, &untouched).ok());
  ASSERT_EQ(untouched.messages.size(), 3u);
  for (std::size_t bit = 0; bit < 8 * kStream; bit += 3) {
    MemoryInbox inbox(1024);
    const Status status = send_through_relay(bit, &inbox);
    const std::size_t in_first = bit / 8;
    ASSERT_FALSE(status.ok()) << "bit " << bit;
    ASSERT_EQ(status.code(), Code::kDataCorrupt) << status.to_string();
    if (in_first < tcp::kHeaderBytes + 300) {
      ASSERT_TRUE(inbox.messages.empty()) << "bit " << bit;
    }
  }
}

TEST(TcpFault, WithoutChecksumHeadersAreStillChecked) {
  for (std::size_t bit = 16; bit < 8 * tcp::kHeaderBytes; ++bit) {
    MemoryInbox inbox(1024);
    ASSERT_EQ(send_through_relay(bit, &inbox, false).code(), Code::kDataCorrupt) << "bit " << bit;
  }
  MemoryInbox inbox(1024);
  EXPECT_TRUE(send_through_relay(8 * (tcp::kHeaderBytes + 10), &inbox, false).ok());
  EXPECT_EQ(inbox.messages.size(), 3u);
}

TEST(TcpLeave, AnOrderlyEndIsNoFailure) {
  SocketPair pair = tcp_pair();
  MemoryInbox inbox_a(1 << 20), inbox_b(1 << 20);
  auto a = make_link(std::move(pair.a), &inbox_a);
  auto b = make_link(std::move(pair.b), &inbox_b);
  const auto data = pattern(1 << 20, 8);
  Ticket ticket = 0;
  ASSERT_TRUE(a->post(put(1, 1, 0, data.size()), data.data(), &ticket));
  ASSERT_TRUE(pump(*a, *b, [&] { return a->leave(); }).ok());
  a.reset();
  const Deadline deadline = Deadline::after_ms(300);
  while (!deadline.passed()) ASSERT_TRUE(b->progress().ok());
  EXPECT_EQ(inbox_b.values[1], 1u);
  // Late credits for somebody who left are taken and forgotten.
  ASSERT_TRUE(b->post(signal(1, 1), nullptr, &ticket));
  EXPECT_TRUE(b->done(ticket));
  EXPECT_TRUE(b->idle());
  EXPECT_TRUE(b->leave());
  UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  ASSERT_TRUE(b->arm(epoll.get()).ok());
  epoll_event event;
  EXPECT_EQ(::epoll_wait(epoll.get(), &event, 1, 0), 0);  // a connection that ended wakes nobody
}

// The one who leaves has unread credits when it closes, so that its kernel answers with a reset.
TEST(TcpLeave, NothingIsLostWhenCreditsCrossTheEnd) {
  Raw raw(tcp_pair());
  Ticket ticket = 0;
  for (std::uint64_t i = 1; i < 20; ++i)
    ASSERT_TRUE(raw.link->post(signal(1, i), nullptr, &ticket));
  ASSERT_TRUE(raw.link->progress().ok());
  const auto data = pattern(3000, 8);
  raw.send(frame_of(put(1, 7, 0, data.size())));
  raw.send(data.data(), data.size());
  tcp::Frame goodbye;
  goodbye.goodbye = true;
  raw.send(goodbye);
  raw.peer.reset();
  ASSERT_TRUE(raw.link->post(signal(1, 20), nullptr, &ticket));
  const Deadline soon = Deadline::after_ms(200);
  while (!soon.passed()) {
    const Status status = raw.link->progress();
    ASSERT_TRUE(status.ok()) << status.to_string();
  }
  EXPECT_EQ(raw.inbox.values[1], 7u);
  EXPECT_EQ(std::memcmp(raw.inbox.window.data(), data.data(), data.size()), 0);
}

TEST(TcpLeave, IsNotDoneWhileThePeersWindowIsFull) {
  SocketPair pair = tcp_pair(8192);
  MemoryInbox inbox_a(1 << 20), inbox_b(1 << 20);
  auto a = make_link(std::move(pair.a), &inbox_a);
  auto b = make_link(std::move(pair.b), &inbox_b);
  const auto data = pattern(1 << 20, 8);
  Ticket ticket = 0;
  ASSERT_TRUE(a->post(put(1, 1, 0, data.size()), data.data(), &ticket));
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(a->progress().ok());
    ASSERT_FALSE(a->leave());
  }
  ASSERT_TRUE(pump(*a, *b, [&] { return a->leave(); }).ok());
}

TEST(TcpLeave, BytesAfterTheGoodbyeAreAProtocolError) {
  Raw raw(local_pair());
  tcp::Frame goodbye;
  goodbye.goodbye = true;
  raw.send(goodbye);
  raw.send("x", 1);
  expect_failure(failure_of(*raw.link), Code::kProtocolError, "after the last message");
}

}  // namespace
}  // namespace hfreduce::transport
