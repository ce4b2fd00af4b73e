#include "bootstrap/reception.h"

#include <fmt/core.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <mutex>

#include "base/log.h"
#include "bootstrap/listener.h"

namespace hfreduce::bootstrap {
namespace {

constexpr int kBacklog = 4096;
constexpr Nanoseconds kHandshakeTime = 10'000'000'000;  // generous: 5 % of packets may be lost
std::atomic<std::uint64_t> strangers_so_far{0};

// Handshakes under way at once: many for a big job, but never all descriptors of the process.
std::size_t most_arrivals() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  return std::clamp<std::size_t>(limit.rlim_cur / 4, 16, 1024);
}

Result<UniqueFd> open_listener(const Address& address) {
  UniqueFd fd(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return system_error("opening a socket to listen on");
  const int yes = 1, no = 0;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (address.family() == AF_INET6) {
    setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no);
  }
  if (::bind(fd.get(), address.raw(), address.size()) != 0 || ::listen(fd.get(), kBacklog) != 0) {
    return system_error(fmt::format("listening at {}", address.to_string()));
  }
  return fd;
}

Result<std::uint16_t> port_of(const UniqueFd& fd) {
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  if (getsockname(fd.get(), reinterpret_cast<sockaddr*>(&bound), &size) != 0) {
    return system_error("getsockname");
  }
  return Address(reinterpret_cast<const sockaddr*>(&bound), size).port();
}

Address any_v6(std::uint16_t port) {
  sockaddr_in6 any{};
  any.sin6_family = AF_INET6;
  any.sin6_port = htons(port);
  return Address(reinterpret_cast<const sockaddr*>(&any), sizeof any);
}

Address any_v4(std::uint16_t port) {
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_port = htons(port);
  return Address(reinterpret_cast<const sockaddr*>(&any), sizeof any);
}

}  // namespace

Result<Reception*> Reception::instance(const Settings& settings) {
  HFR_ASSIGN(Loop * loop, Loop::instance());
  static std::mutex mutex;
  static Reception* running = nullptr;  // never destroyed, like the loop
  const std::lock_guard lock(mutex);
  if (running != nullptr) return running;
  std::unique_ptr<Reception> reception(new Reception(*loop));
  Status status;
  loop->call([&] { status = reception->listen(settings); });
  HFR_TRY(status);
  running = reception.release();
  return running;
}

std::uint64_t Reception::strangers() noexcept { return strangers_so_far.load(); }

Status Reception::listen(const Settings& settings) {
  if (!settings.interface.empty()) {
    HFR_ASSIGN(bound_, local_addresses(settings.interface));
    bound_.resize(1);
  }
  HFR_ASSIGN(port_, add_listener(0));
  return {};
}

Result<std::vector<Address>> Reception::addresses() const {
  std::vector<Address> addresses = bound_;
  if (addresses.empty()) {
    HFR_ASSIGN(addresses, local_addresses(""));
  }
  if (addresses.size() > UniqueId::kMostAddresses) addresses.resize(UniqueId::kMostAddresses);
  for (Address& address : addresses) address = address.with_port(port_);
  return addresses;
}

Status Reception::listen_at(std::uint16_t port) {
  if (port == port_ || std::count(fixed_ports_.begin(), fixed_ports_.end(), port) != 0) return {};
  HFR_TRY(add_listener(port).status());
  fixed_ports_.push_back(port);
  return {};
}

Result<std::uint16_t> Reception::add_listener(std::uint16_t port) {
  auto fd = open_listener(bound_.empty() ? any_v6(port) : bound_.front().with_port(port));
  // Kernels without IPv6.
  if (!fd.ok() && bound_.empty()) {
    auto second = open_listener(any_v4(port));
    if (second.ok()) fd = std::move(second);
  }
  if (!fd.ok()) return fd.status();
  HFR_ASSIGN(const std::uint16_t bound_port, port_of(*fd));
  loop_.keep(std::make_unique<Listener>(loop_, std::move(*fd),
                                        [this](UniqueFd visitor) { arrived(std::move(visitor)); }));
  return bound_port;
}

bool Reception::open_door(const JobId& job, std::int32_t target, Party& party) {
  return doors_.emplace(std::pair(job, target), &party).second;
}

void Reception::close_door(const JobId& job, std::int32_t target) { doors_.erase({job, target}); }

Party* Reception::find(const Hello& hello) const {
  const auto door = doors_.find({hello.job, hello.target});
  return door == doors_.end() ? nullptr : door->second;
}

void Reception::arrived(UniqueFd fd) {
  const int yes = 1;
  setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  static const std::size_t most = most_arrivals();
  if (arrivals_.size() >= most) {
    // The oldest that has not said anything goes; if all talk, the oldest.
    auto oldest = std::find_if(arrivals_.begin(), arrivals_.end(),
                               [](const auto& arrival) { return arrival->silent(); });
    depart(oldest == arrivals_.end() ? *arrivals_.front() : **oldest, "made room for others");
  }
  arrivals_.push_back(std::make_unique<Arrival>(*this, std::move(fd)));
  if (!arrivals_.back()->start()) return depart(*arrivals_.back(), "could not be watched");
  if (!late_) late_ = loop_.after(kHandshakeTime, [this] { turn_away_late(); });
}

void Reception::turn_away_late() {
  late_.reset();
  while (!arrivals_.empty() && arrivals_.front()->since() + kHandshakeTime <= now_ns()) {
    depart(*arrivals_.front(), "was silent for 10 s");
  }
  if (arrivals_.empty()) return;
  late_ = loop_.after(arrivals_.front()->since() + kHandshakeTime - now_ns(),
                      [this] { turn_away_late(); });
}

void Reception::depart(Arrival& arrival, const char* why) {
  const std::uint64_t count = ++strangers_so_far;
  // Rarely, so that a port scanner does not fill the log: at 1, 2, 4, 8, ...
  if ((count & (count - 1)) == 0) {
    HFR_LOG(kInfo, "join", "{} connection(s) turned away so far; the last one {}", count, why);
  }
  const auto at = std::find_if(arrivals_.begin(), arrivals_.end(),
                               [&](const auto& other) { return other.get() == &arrival; });
  if (at == arrivals_.end()) return;
  loop_.bury(std::move(*at));
  arrivals_.erase(at);
}

void Reception::welcome(Arrival& arrival, const Hello& hello, UniqueFd fd) {
  const auto at = std::find_if(arrivals_.begin(), arrivals_.end(),
                               [&](const auto& other) { return other.get() == &arrival; });
  loop_.bury(std::move(*at));
  arrivals_.erase(at);
  find(hello)->admit(hello, std::move(fd));
}

}  // namespace hfreduce::bootstrap
