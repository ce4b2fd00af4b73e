// What the TCP link costs: two processes exchange the same bytes through plain sockets and through
// a TcpLink, without and with checksum, in turns; medians and ratios.
//
//   tcp_bench [--one-way] [--pair NETNS_A NETNS_B ADDRESS_OF_A] [--message BYTES] [--sockets N]
//             [--rounds N] [--connections N] [--congestion NAME] [--chunk BYTES] [--least BYTES]
//             [--most BYTES]
//
// Without --pair both are on loopback. Each process is bound to a core of its own.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "base/clock.h"
#include "transport/tcp/tcp_link.h"

namespace hfreduce::transport {
namespace {

constexpr std::size_t kMost = 64 << 20;
constexpr int kKinds = 3;
constexpr const char* kNames[kKinds] = {"plain", "link", "link+crc"};

struct Shared {
  std::atomic<int> arrived{0}, turn{0}, port{0};
  Nanoseconds took[2] = {0, 0};
};

struct Options {
  bool one_way = false;
  std::string netns[2], address = "127.0.0.1";
  std::size_t message = 256 << 10, chunk = 256 << 10;
  int sockets = 1, rounds = 6;
  int only = -1, connections = 7;
  std::string congestion;
  std::size_t least = 64 << 10, most = kMost;
};

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

void barrier(Shared& shared) {
  const int turn = shared.turn.load();
  if (shared.arrived.fetch_add(1) == 1) {
    shared.arrived = 0;
    shared.turn = turn + 1;
  } else {
    while (shared.turn.load() == turn) sched_yield();
  }
}

std::vector<UniqueFd> connect_sides(int side, const Options& options, Shared& shared, int count) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  ::inet_pton(AF_INET, options.address.c_str(), &address.sin_addr);
  auto* raw = reinterpret_cast<sockaddr*>(&address);
  std::vector<UniqueFd> result;
  UniqueFd listener(::socket(AF_INET, SOCK_STREAM, 0));
  if (side == 0) {
    socklen_t length = sizeof address;
    if (::bind(listener.get(), raw, length) != 0 || ::listen(listener.get(), 16) != 0) die("bind");
    ::getsockname(listener.get(), raw, &length);
    shared.port = ntohs(address.sin_port);
  }
  barrier(shared);
  for (int i = 0; i < count; ++i) {
    if (side == 0) {
      result.emplace_back(::accept(listener.get(), nullptr, nullptr));
    } else {
      address.sin_port = htons(static_cast<std::uint16_t>(shared.port.load()));
      result.emplace_back(::socket(AF_INET, SOCK_STREAM, 0));
      if (::connect(result.back().get(), raw, sizeof address) != 0) die("connect");
    }
    const int on = 1;
    ::setsockopt(result.back().get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::fcntl(result.back().get(), F_SETFL, O_NONBLOCK);
    if (const auto& name = options.congestion; !name.empty()) {
      const auto length = static_cast<socklen_t>(name.size());
      if (::setsockopt(result.back().get(), IPPROTO_TCP, TCP_CONGESTION, name.data(), length) !=
          0) {
        die("congestion");
      }
    }
  }
  barrier(shared);
  return result;
}

class Counter final : public Inbox {
 public:
  explicit Counter(std::vector<std::byte>& memory) : memory_(memory) {}
  std::byte* place(int, const Message& message) noexcept override {
    return message.offset + message.bytes <= memory_.size() ? memory_.data() + message.offset
                                                            : nullptr;
  }
  bool arrived(int, const Message& message) noexcept override {
    bytes += message.bytes;
    return true;
  }
  std::size_t bytes = 0;

 private:
  std::vector<std::byte>& memory_;
};

void plain(int fd, const std::vector<std::byte>& from, std::vector<std::byte>& to, std::size_t out,
           std::size_t in, std::size_t chunk) {
  std::size_t sent = 0, received = 0;
  while (sent < out || received < in) {
    if (received < in) {
      const ssize_t n = ::recv(fd, to.data() + received, std::min(chunk, in - received), 0);
      if (n > 0) received += static_cast<std::size_t>(n);
      if (n == 0 || (n < 0 && errno != EAGAIN)) die("recv");
    }
    if (sent < out) {
      const ssize_t n = ::send(fd, from.data() + sent, std::min(chunk, out - sent), MSG_NOSIGNAL);
      if (n > 0) sent += static_cast<std::size_t>(n);
      if (n < 0 && errno != EAGAIN) die("send");
    }
  }
}

void through(Link& link, Counter& counter, const std::vector<std::byte>& from, std::size_t out,
             std::size_t in, std::size_t message_bytes) {
  std::size_t posted = 0;
  Ticket ticket = 0;
  std::uint32_t flag = 0;
  counter.bytes = 0;
  while (counter.bytes < in || posted < out || !link.idle()) {
    while (posted < out) {
      Message message;
      message.target = Target::kWindow;
      message.offset = posted;
      message.flag = flag;
      message.bytes = static_cast<std::uint32_t>(std::min(message_bytes, out - posted));
      if (!link.post(message, from.data() + posted, &ticket)) break;
      posted += message.bytes;
      ++flag;
    }
    if (const Status status = link.progress(); !status.ok()) {
      std::fprintf(stderr, "%s\n", status.to_string().c_str());
      std::exit(1);
    }
  }
}

void enter(const std::string& name) {
  if (name.empty()) return;
  const UniqueFd fd(::open(("/run/netns/" + name).c_str(), O_RDONLY | O_CLOEXEC));
  if (::setns(fd.get(), CLONE_NEWNET) != 0) die("setns");
}

void report(std::size_t bytes, std::vector<Nanoseconds> (&took)[kKinds]) {
  double median[kKinds];
  for (int kind = 0; kind < kKinds; ++kind) {
    if (took[kind].empty()) took[kind].push_back(1);
    std::sort(took[kind].begin(), took[kind].end());
    median[kind] = static_cast<double>(took[kind][took[kind].size() / 2]);
  }
  std::printf("%9zu", bytes);
  for (int kind = 0; kind < kKinds; ++kind) {
    std::printf("  %8s %9.1f us %6.2f GB/s %4.0f %%", kNames[kind], median[kind] / 1e3,
                static_cast<double>(bytes) / median[kind], 100 * median[0] / median[kind]);
  }
  std::printf("\n");
  std::fflush(stdout);
}

std::unique_ptr<Link> link_over(std::vector<UniqueFd> sockets, Counter& counter, bool checksum) {
  TcpLinkOptions options;
  options.peer = 1;
  options.sockets = std::move(sockets);
  options.checksum = checksum;
  options.inbox = &counter;
  auto link = make_tcp_link(std::move(options));
  if (!link.ok()) std::exit(1);
  return std::move(*link);
}

struct Side {
  int number;
  const Options& options;
  Shared& shared;
  std::vector<std::byte> from = std::vector<std::byte>(kMost, std::byte{1});
  std::vector<std::byte> to = std::vector<std::byte>(kMost, std::byte{2});
};

// One connection of each kind, each used `rounds` times in turn.
void measure(Side& side, std::size_t bytes, int rounds, std::vector<Nanoseconds> (&took)[kKinds]) {
  const Options& options = side.options;
  Counter counter(side.to);
  const auto raw = connect_sides(side.number, options, side.shared, 1);
  std::unique_ptr<Link> links[2];
  for (int i = 0; i < 2; ++i) {
    auto sockets = connect_sides(side.number, options, side.shared, options.sockets);
    links[i] = link_over(std::move(sockets), counter, i == 1);
  }
  const std::size_t out = options.one_way && side.number == 1 ? 0 : bytes;
  const std::size_t in = options.one_way && side.number == 0 ? 0 : bytes;
  for (int round = -3; round < rounds; ++round) {
    for (int turn = 0; turn < kKinds; ++turn) {
      const int kind = (turn + round + kKinds) % kKinds;
      if (options.only >= 0 && kind != options.only) continue;
      barrier(side.shared);
      const Nanoseconds start = now_ns();
      if (kind == 0) plain(raw[0].get(), side.from, side.to, out, in, options.chunk);
      if (kind > 0) through(*links[kind - 1], counter, side.from, out, in, options.message);
      side.shared.took[side.number] = now_ns() - start;
      barrier(side.shared);
      if (round >= 0) took[kind].push_back(std::max(side.shared.took[0], side.shared.took[1]));
    }
  }
  barrier(side.shared);
}

void run(int number, const Options& options, Shared& shared) {
  enter(options.netns[number]);
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(number, &cpus);
  ::sched_setaffinity(0, sizeof cpus, &cpus);
  Side side{number, options, shared};
  for (std::size_t bytes = options.least; bytes <= options.most; bytes *= 4) {
    const int rounds = options.rounds * (bytes <= (4u << 20) ? 10 : 1);
    std::vector<Nanoseconds> took[kKinds];
    for (int i = 0; i < options.connections; ++i) measure(side, bytes, rounds, took);
    if (number == 0) report(bytes, took);
  }
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string what = argv[i];
    const auto number = [&] { return ++i < argc ? std::atol(argv[i]) : 0; };
    if (what == "--one-way") {
      options.one_way = true;
    } else if (what == "--pair" && i + 3 < argc) {
      options.netns[0] = argv[++i];
      options.netns[1] = argv[++i];
      options.address = argv[++i];
    } else if (what == "--message") {
      options.message = static_cast<std::size_t>(number());
    } else if (what == "--chunk") {
      options.chunk = static_cast<std::size_t>(number());
    } else if (what == "--least") {
      options.least = static_cast<std::size_t>(number());
    } else if (what == "--most") {
      options.most = std::min(kMost, static_cast<std::size_t>(number()));
    } else if (what == "--sockets") {
      options.sockets = static_cast<int>(number());
    } else if (what == "--rounds") {
      options.rounds = static_cast<int>(number());
    } else if (what == "--connections") {
      options.connections = static_cast<int>(number());
    } else if (what == "--congestion" && i + 1 < argc) {
      options.congestion = argv[++i];
    } else if (what == "--only") {
      options.only = static_cast<int>(number());
    } else {
      std::fprintf(stderr, "unknown option %s\n", what.c_str());
      std::exit(2);
    }
  }
  return options;
}

}  // namespace
}  // namespace hfreduce::transport

int main(int argc, char** argv) {
  using namespace hfreduce::transport;  // NOLINT: a program of one file
  const Options options = parse(argc, argv);
  void* memory =
      ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) die("mmap");
  auto* shared = new (memory) Shared;
  const pid_t child = ::fork();
  if (child == 0) {
    run(1, options, *shared);
    std::_Exit(0);
  }
  run(0, options, *shared);
  int status = 0;
  ::waitpid(child, &status, 0);
  return status == 0 ? 0 : 1;
}
