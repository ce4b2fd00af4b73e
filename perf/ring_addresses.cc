#include "ring_addresses.h"

#include <fmt/format.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "clock.h"
#include "failure.h"

namespace hfreduce::perf {
namespace {

constexpr int kConnectMs = 1000;
constexpr int kAnswerMs = 10'000;

bool ready(int fd, short events, int timeout_ms) {
  pollfd entry = {fd, events, 0};
  return poll(&entry, 1, timeout_ms) == 1;
}

// Addresses by which others might reach this host, the loopback last.
std::vector<DoorAddress> own_addresses() {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) fail_with_errno("listing network interfaces");
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(list, freeifaddrs);
  const char* only = std::getenv("HFREDUCE_INTERFACE");
  std::vector<DoorAddress> found, loopback;
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || (entry->ifa_flags & IFF_UP) == 0) continue;
    DoorAddress address;
    address.family = entry->ifa_addr->sa_family;
    if (address.family == AF_INET) {
      const auto* v4 = reinterpret_cast<const sockaddr_in*>(entry->ifa_addr);
      std::memcpy(address.bytes.data(), &v4->sin_addr, sizeof(v4->sin_addr));
    } else if (address.family == AF_INET6) {
      const auto* v6 = reinterpret_cast<const sockaddr_in6*>(entry->ifa_addr);
      if (IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr)) continue;
      std::memcpy(address.bytes.data(), &v6->sin6_addr, sizeof(v6->sin6_addr));
    } else {
      continue;
    }
    const bool wanted =
        only != nullptr && std::strncmp(entry->ifa_name, only, std::strlen(only)) == 0;
    const bool is_loopback = (entry->ifa_flags & IFF_LOOPBACK) != 0;
    (is_loopback ? loopback : found)
        .insert(wanted ? (is_loopback ? loopback : found).begin()
                       : (is_loopback ? loopback : found).end(),
                address);
  }
  found.insert(found.end(), loopback.begin(), loopback.end());
  return found;
}

sockaddr_in6 as_v6(const DoorAddress& address, std::uint16_t port) {
  sockaddr_in6 to = {};
  to.sin6_family = AF_INET6;
  to.sin6_port = htons(port);
  std::memcpy(&to.sin6_addr, address.bytes.data(), 16);
  return to;
}

sockaddr_in as_v4(const DoorAddress& address, std::uint16_t port) {
  sockaddr_in to = {};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  std::memcpy(&to.sin_addr, address.bytes.data(), 4);
  return to;
}

Descriptor connected(const DoorAddress& address, std::uint16_t port) {
  Descriptor fd(socket(address.family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return {};
  const sockaddr_in6 v6 = as_v6(address, port);
  const sockaddr_in v4 = as_v4(address, port);
  const bool wide = address.family == AF_INET6;
  const auto* to =
      wide ? reinterpret_cast<const sockaddr*>(&v6) : reinterpret_cast<const sockaddr*>(&v4);
  const socklen_t length = wide ? sizeof(v6) : sizeof(v4);
  if (connect(fd.get().number, to, length) != 0) {
    if (errno != EINPROGRESS || !ready(fd.get().number, POLLOUT, kConnectMs)) return {};
    int error = 0;
    socklen_t size = sizeof(error);
    getsockopt(fd.get().number, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return {};
  }
  const int on = 1;
  setsockopt(fd.get().number, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return fd;
}

Descriptor listening(int family, std::uint16_t& port) {
  Descriptor fd(socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return {};
  const int off = 0;
  if (family == AF_INET6) {
    setsockopt(fd.get().number, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
  }
  sockaddr_storage at = {};
  at.ss_family = static_cast<sa_family_t>(family);
  socklen_t length = family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
  if (bind(fd.get().number, reinterpret_cast<sockaddr*>(&at), length) != 0) return {};
  if (listen(fd.get().number, 16) != 0) return {};
  if (getsockname(fd.get().number, reinterpret_cast<sockaddr*>(&at), &length) != 0) return {};
  port = ntohs(family == AF_INET6 ? reinterpret_cast<sockaddr_in6*>(&at)->sin6_port
                                  : reinterpret_cast<sockaddr_in*>(&at)->sin_port);
  return fd;
}

}  // namespace

Doorbell open_doorbell() {
  Doorbell bell;
  bell.listener = listening(AF_INET6, bell.card.port);
  if (!bell.listener) bell.listener = listening(AF_INET, bell.card.port);
  if (!bell.listener) {
    bell.card.port = 0;
    fail_with_errno("listening for the next host");
  }
  if (getrandom(bell.card.word.data(), bell.card.word.size(), 0) !=
      static_cast<ssize_t>(bell.card.word.size())) {
    fail_with_errno("getrandom");
  }
  std::size_t used = 0;
  for (const DoorAddress& address : own_addresses()) {
    if (used < bell.card.addresses.size()) bell.card.addresses[used++] = address;
  }
  return bell;
}

std::vector<DoorCard> swap_door_cards(Gang& gang, const DoorCard& mine) {
  const std::vector<std::byte> all = gang.gather(std::as_bytes(std::span(&mine, 1)));
  std::vector<DoorCard> cards(all.size() / sizeof(DoorCard));
  std::memcpy(cards.data(), all.data(), all.size());
  return cards;
}

Descriptor ring_next(const std::vector<DoorCard>& cards, int host) {
  for (const DoorCard& card : cards) {
    if (card.host != host || card.leads == 0) continue;
    for (const DoorAddress& address : card.addresses) {
      if (address.family == 0 || card.port == 0) break;
      Descriptor fd = connected(address, card.port);
      if (!fd) continue;
      if (send(fd.get().number, card.word.data(), card.word.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(card.word.size())) {
        return fd;
      }
    }
  }
  throw Failure(fmt::format("none of the addresses of host {} answers", host));
}

Descriptor answer_previous(const Doorbell& doorbell) {
  const std::int64_t begin = now_ns();
  const auto left_ms = [&] {
    const std::int64_t used = (now_ns() - begin) / 1'000'000;
    return used < kAnswerMs ? kAnswerMs - static_cast<int>(used) : 0;
  };
  // A caller that cannot be taken, for want of descriptors, stays at the door.
  while (left_ms() > 0 && ready(doorbell.listener.get().number, POLLIN, left_ms())) {
    Descriptor fd(
        accept4(doorbell.listener.get().number, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd || !ready(fd.get().number, POLLIN, kConnectMs)) continue;
    std::array<std::uint8_t, 16> word{};
    const auto size = static_cast<ssize_t>(word.size());
    if (recv(fd.get().number, word.data(), word.size(), 0) != size) continue;
    if (word != doorbell.card.word) continue;  // a stranger
    const int on = 1;
    setsockopt(fd.get().number, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (send(fd.get().number, "y", 1, MSG_NOSIGNAL) == 1) return fd;
  }
  throw Failure("the host before has not called");
}

void wait_for_answer(int socket) {
  char answer = 0;
  if (!ready(socket, POLLIN, kAnswerMs) || recv(socket, &answer, 1, 0) != 1) {
    throw Failure("the next host has not answered");
  }
}

}  // namespace hfreduce::perf
