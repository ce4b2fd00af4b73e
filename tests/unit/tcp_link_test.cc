// The TCP link as the executor sees it: what is posted on one side arrives on the other.
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>

#include <random>
#include <thread>

#include "tcp_fixture.h"

namespace hfreduce::transport {
namespace {

using namespace testing;  // NOLINT: the fixture

struct Both {
  explicit Both(SocketPair pair, std::size_t bytes = 1 << 20, bool checksum = true)
      : inbox_a(bytes), inbox_b(bytes) {
    a = make_link(std::move(pair.a), &inbox_a, checksum);
    b = make_link(std::move(pair.b), &inbox_b, checksum);
  }
  MemoryInbox inbox_a, inbox_b;
  std::unique_ptr<Link> a, b;
};

void expect_bytes(const std::vector<std::byte>& memory, std::size_t offset,
                  const std::vector<std::byte>& expected) {
  ASSERT_LE(offset + expected.size(), memory.size());
  EXPECT_TRUE(std::equal(expected.begin(), expected.end(),
                         memory.begin() + static_cast<std::ptrdiff_t>(offset)));
}

TEST(TcpLink, DeliversAPutWithItsFlagAndTag) {
  for (const bool checksum : {false, true}) {
    Both both(tcp_pair(), 1 << 20, checksum);
    const auto data = pattern(100'000, 1);
    Ticket ticket = 0;
    Message message = put(3, 42, 17, data.size());
    message.target = Target::kOutput;
    ASSERT_TRUE(both.a->post(message, data.data(), &ticket));
    ASSERT_TRUE(pump(*both.a, *both.b, [&] { return both.inbox_b.values[3] == 42; }).ok());
    EXPECT_TRUE(both.a->done(ticket));
    EXPECT_TRUE(both.a->idle());
    expect_bytes(both.inbox_b.output, 17, data);
    ASSERT_EQ(both.inbox_b.messages.size(), 1u);
    EXPECT_EQ(both.inbox_b.messages[0].tag, message.tag);
    EXPECT_EQ(both.inbox_b.messages[0].target, Target::kOutput);
  }
}

TEST(TcpLink, BareSignalAndEmptyPutRaiseTheFlag) {
  Both both(local_pair());
  Ticket ticket = 0;
  ASSERT_TRUE(both.a->post(signal(5, 9), nullptr, &ticket));
  ASSERT_TRUE(both.a->post(put(6, 10, 0, 0), nullptr, &ticket));
  ASSERT_TRUE(pump(*both.a, *both.b, [&] { return both.inbox_b.values[6] == 10; }).ok());
  EXPECT_EQ(both.inbox_b.values[5], 9u);
}

// Random sizes around the thresholds of the reader, both ways at once.
void exchange_randomly(Both& both, std::uint32_t seed) {
  std::mt19937 random(seed);
  constexpr int kMessages = 400;
  const std::size_t sizes[] = {0,    1,      43,     44,     45,     4096,
                               4097, 16'340, 16'384, 16'385, 65'536, 300'000};
  struct Side {
    Link* link;
    MemoryInbox* peer_inbox;
    std::vector<std::vector<std::byte>> sent;
    std::vector<Message> expected;
  };
  Side sides[] = {{both.a.get(), &both.inbox_b, {}, {}}, {both.b.get(), &both.inbox_a, {}, {}}};
  for (Side& side : sides) {
    for (int i = 0; i < kMessages; ++i) {
      const std::size_t bytes = sizes[random() % std::size(sizes)];
      side.sent.push_back(pattern(bytes, random()));
      side.expected.push_back(
          put(random() % 8, static_cast<std::uint64_t>(i + 1), random() % 1000, bytes));
    }
  }
  std::size_t posted[2] = {0, 0};
  const Status status = pump(*both.a, *both.b, [&] {
    for (int s = 0; s < 2; ++s) {
      Ticket ticket = 0;
      // A message may overwrite its predecessor's place, so each is looked at when it has come.
      MemoryInbox& inbox = *sides[s].peer_inbox;
      if (inbox.messages.size() < posted[s] || posted[s] == kMessages) continue;
      if (posted[s] > 0) {
        expect_bytes(inbox.window, sides[s].expected[posted[s] - 1].offset,
                     sides[s].sent[posted[s] - 1]);
      }
      const std::size_t next = posted[s]++;
      EXPECT_TRUE(
          sides[s].link->post(sides[s].expected[next], sides[s].sent[next].data(), &ticket));
    }
    return both.inbox_a.messages.size() == kMessages && both.inbox_b.messages.size() == kMessages;
  });
  ASSERT_TRUE(status.ok()) << status.to_string();
  for (const Side& side : sides) {
    for (int i = 0; i < kMessages; ++i) {
      EXPECT_EQ(side.peer_inbox->messages[i].value, side.expected[i].value);
      EXPECT_EQ(side.peer_inbox->messages[i].offset, side.expected[i].offset);
    }
  }
}

TEST(TcpLink, AnySizesBothWays) {
  Both tcp(tcp_pair());
  exchange_randomly(tcp, 11);
  Both local(local_pair(), 1 << 20, false);
  exchange_randomly(local, 12);
}

TEST(TcpLink, AnySizesThroughTinySocketBuffers) {
  Both both(tcp_pair(4096));
  exchange_randomly(both, 13);
}

// Many queued at once, so that several leave in one call and are cut anywhere.
TEST(TcpLink, ManyQueuedMessagesKeepTheirOrderAndBytes) {
  for (const int buffer : {0, 2048}) {
    Both both(tcp_pair(buffer), 4 << 20);
    std::mt19937 random(7);
    std::vector<std::vector<std::byte>> sent;
    std::size_t offset = 0;
    Ticket last = 0;
    for (std::uint64_t i = 0; i < 200; ++i) {
      sent.push_back(pattern(random() % 3 == 0 ? 0 : random() % 20'000, random()));
      ASSERT_TRUE(
          both.a->post(put(2, i + 1, offset, sent.back().size()), sent.back().data(), &last));
      offset += sent.back().size();
    }
    EXPECT_FALSE(both.a->done(last));
    EXPECT_FALSE(both.a->idle());
    const Status status = pump(*both.a, *both.b, [&] { return both.inbox_b.values[2] == 200; });
    ASSERT_TRUE(status.ok()) << status.to_string();
    ASSERT_EQ(both.inbox_b.messages.size(), 200u);
    offset = 0;
    for (std::uint64_t i = 0; i < 200; ++i) {
      EXPECT_EQ(both.inbox_b.messages[i].value, i + 1);
      expect_bytes(both.inbox_b.window, offset, sent[i]);
      offset += sent[i].size();
    }
    EXPECT_TRUE(both.a->done(last));
  }
}

TEST(TcpLink, FullQueueSaysSoAndLosesNothing) {
  Both both(tcp_pair(2048), 1 << 20);
  const auto data = pattern(60'000, 3);
  Ticket ticket = 0;
  std::uint64_t posted = 0;
  while (both.a->post(put(1, posted + 1, 0, data.size()), data.data(), &ticket)) ++posted;
  EXPECT_EQ(posted, 256u);
  const Ticket unchanged = ticket;
  EXPECT_FALSE(both.a->post(put(1, 999, 0, data.size()), data.data(), &ticket));
  EXPECT_EQ(ticket, unchanged);
  ASSERT_TRUE(pump(*both.a, *both.b, [&] { return both.inbox_b.values[1] == posted; }).ok());
  EXPECT_TRUE(both.a->post(put(1, posted + 1, 0, data.size()), data.data(), &ticket));
  ASSERT_TRUE(pump(*both.a, *both.b, [&] { return both.inbox_b.values[1] == posted + 1; }).ok());
}

// Both have filled the other's window before either reads.
TEST(TcpLink, FullWindowsBothWaysDoNotBlock) {
  Both both(tcp_pair(8192), 1 << 20);
  const auto data = pattern(1 << 20, 5);
  Ticket ticket = 0;
  for (std::uint64_t i = 1; i <= 8; ++i) {
    ASSERT_TRUE(both.a->post(put(1, i, 0, data.size()), data.data(), &ticket));
    ASSERT_TRUE(both.b->post(put(1, i, 0, data.size()), data.data(), &ticket));
  }
  const Status status = pump(
      *both.a, *both.b, [&] { return both.inbox_a.values[1] == 8 && both.inbox_b.values[1] == 8; });
  ASSERT_TRUE(status.ok()) << status.to_string();
  expect_bytes(both.inbox_a.window, 0, data);
  expect_bytes(both.inbox_b.window, 0, data);
}

TEST(TcpLink, SeveralSocketsKeepTheOrderOfEachFlag) {
  MemoryInbox inbox_a(1 << 20), inbox_b(1 << 20);
  TcpLinkOptions a, b;
  a.peer = b.peer = 1;
  a.inbox = &inbox_a;
  b.inbox = &inbox_b;
  for (int i = 0; i < 3; ++i) {
    SocketPair pair = tcp_pair(4096);
    a.sockets.push_back(std::move(pair.a));
    b.sockets.push_back(std::move(pair.b));
  }
  auto link_a = make_tcp_link(std::move(a)), link_b = make_tcp_link(std::move(b));
  ASSERT_TRUE(link_a.ok() && link_b.ok());
  const auto data = pattern(30'000, 9);
  std::vector<Ticket> tickets(90);
  for (std::uint64_t i = 0; i < 90; ++i) {
    ASSERT_TRUE((*link_a)->post(put(i % 9, i + 1, 0, data.size()), data.data(), &tickets[i]));
  }
  const Status status = pump(**link_a, **link_b, [&] { return inbox_b.messages.size() == 90; });
  ASSERT_TRUE(status.ok()) << status.to_string();
  std::vector<std::uint64_t> last(9, 0);
  for (const Message& message : inbox_b.messages) {
    EXPECT_GT(message.value, last[message.flag]);
    last[message.flag] = message.value;
  }
  for (const Ticket ticket : tickets) EXPECT_TRUE((*link_a)->done(ticket));
}

TEST(TcpLink, RefusesToBeMadeOfNothing) {
  MemoryInbox inbox(16);
  TcpLinkOptions none;
  none.inbox = &inbox;
  EXPECT_EQ(make_tcp_link(std::move(none)).status().code(), Code::kInternalError);
  TcpLinkOptions odd;
  odd.inbox = &inbox;
  odd.queue = 100;
  odd.sockets.push_back(local_pair().a);
  EXPECT_EQ(make_tcp_link(std::move(odd)).status().code(), Code::kInternalError);
}

bool wakes(int epoll_fd, int timeout_ms = 0) {
  epoll_event event;
  return ::epoll_wait(epoll_fd, &event, 1, timeout_ms) > 0;
}

std::string congestion_of(int socket) {
  char name[16] = {};
  socklen_t size = sizeof name - 1;
  EXPECT_EQ(getsockopt(socket, IPPROTO_TCP, TCP_CONGESTION, name, &size), 0);
  return name;
}

TEST(TcpLink, CongestionControlIsTheOneAskedFor) {
  SocketPair pair = tcp_pair();
  const std::string system = congestion_of(pair.a.get());
  for (const std::string& wanted : {std::string("reno"), std::string("system"), system}) {
    const auto choice = choose_congestion(wanted);
    ASSERT_TRUE(choice.ok()) << choice.status().text();
    EXPECT_EQ(choice->name, wanted == "system" ? system : wanted);
    EXPECT_EQ(choice->system, system);
  }
  const int watched = pair.a.get();
  MemoryInbox inbox(64);
  TcpLinkOptions options;
  options.peer = 1;
  options.inbox = &inbox;
  options.congestion = *choose_congestion("reno");
  options.sockets.push_back(std::move(pair.a));
  const auto link = make_tcp_link(std::move(options));
  ASSERT_TRUE(link.ok()) << link.status().text();
  EXPECT_EQ(congestion_of(watched), "reno");
}

TEST(TcpLink, CongestionControlThatPacesIsLeftWhereAllowed) {
  const auto choice = choose_congestion("");
  ASSERT_TRUE(choice.ok()) << choice.status().text();
  EXPECT_EQ(choice->chosen(), choice->system == "bbr") << choice->name;
}

TEST(TcpLink, CongestionControlThatThereIsNotIsRefused) {
  for (const char* wanted : {"no-such", "a-name-longer-than-any-of-the-kernel"}) {
    const auto choice = choose_congestion(wanted);
    EXPECT_EQ(choice.status().code(), Code::kInvalidArgument);
    EXPECT_THAT(choice.status().text(), ::testing::HasSubstr("the kernel refuses it"));
    EXPECT_THAT(choice.status().text(), ::testing::HasSubstr("reno")) << "names what there is";
  }
}

TEST(TcpLink, ArmedDescriptorWakesForArrivalsAndForRoomOnlyWhenNeeded) {
  Both both(tcp_pair(4096));
  UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  ASSERT_TRUE(both.a->arm(epoll.get()).ok());
  EXPECT_FALSE(wakes(epoll.get()));  // room to send is no reason while nothing waits to be sent
  Ticket ticket = 0;
  ASSERT_TRUE(both.b->post(signal(1, 1), nullptr, &ticket));
  ASSERT_TRUE(both.b->progress().ok());
  EXPECT_TRUE(wakes(epoll.get(), 5'000));
  ASSERT_TRUE(both.a->progress().ok());
  ASSERT_TRUE(both.a->arm(epoll.get()).ok());
  EXPECT_FALSE(wakes(epoll.get()));

  const auto data = pattern(1 << 20, 6);
  ASSERT_TRUE(both.a->post(put(1, 1, 0, data.size()), data.data(), &ticket));
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(both.a->progress().ok());
  ASSERT_FALSE(both.a->idle());
  ASSERT_TRUE(both.a->arm(epoll.get()).ok());
  const Deadline deadline = Deadline::after_ms(10'000);
  while (!both.a->idle() && !deadline.passed()) {
    ASSERT_TRUE(both.b->progress().ok());
    if (wakes(epoll.get())) {
      ASSERT_TRUE(both.a->progress().ok());
    }
  }
  EXPECT_TRUE(both.a->idle());
  ASSERT_TRUE(both.a->arm(epoll.get()).ok());
  EXPECT_FALSE(wakes(epoll.get()));
}

// One end on a thread of its own, as ranks have it: sleeps in epoll whenever it cannot get on.
// Returns how often it slept in vain.
int exchange_asleep(Link& link, MemoryInbox& inbox, const std::vector<std::byte>& data,
                    std::uint64_t count) {
  UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  std::uint64_t posted = 0;
  int in_vain = 0;
  const auto finished = [&] { return inbox.values[1] == count && posted == count && link.idle(); };
  while (!finished()) {
    Ticket ticket = 0;
    // At most four more than the peer sent, as with slots.
    while (posted < count && posted < inbox.values[1] + 4 &&
           link.post(put(1, posted + 1, 0, data.size()), data.data(), &ticket)) {
      ++posted;
    }
    const std::uint64_t before = inbox.values[1];
    EXPECT_TRUE(link.progress().ok());
    if (inbox.values[1] != before || finished()) continue;
    EXPECT_TRUE(link.arm(epoll.get()).ok());
    if (!wakes(epoll.get(), 2'000) && ++in_vain > 2) break;
  }
  return in_vain;
}

TEST(TcpLink, TwoThreadsThatSleepAreAlwaysWoken) {
  Both both(tcp_pair(), 1 << 17);
  const auto data = pattern(100'000, 2);
  int in_vain = 0;
  std::thread other([&] { in_vain = exchange_asleep(*both.b, both.inbox_b, data, 300); });
  EXPECT_EQ(exchange_asleep(*both.a, both.inbox_a, data, 300), 0);
  other.join();
  EXPECT_EQ(in_vain, 0);
  expect_bytes(both.inbox_a.window, 0, data);
  expect_bytes(both.inbox_b.window, 0, data);
}

}  // namespace
}  // namespace hfreduce::transport
