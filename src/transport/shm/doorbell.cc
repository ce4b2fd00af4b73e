#include "transport/shm/doorbell.h"

#include <linux/futex.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>

namespace hfreduce::transport {
namespace {

enum Mode : std::uint32_t { kAwake = 0, kOnFutex = 1, kInEpoll = 2 };
constexpr std::size_t kNameBytes = 5;  // what autobind chooses (unix(7))

sockaddr_un address_of(std::uint64_t name) noexcept {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path + 1, &name, kNameBytes);
  return address;
}
constexpr socklen_t kAddressBytes = offsetof(sockaddr_un, sun_path) + 1 + kNameBytes;

}  // namespace

Result<Doorbell> Doorbell::make(DoorbellLine& line) {
  Doorbell bell;
  bell.line_ = &line;
  bell.socket_ = UniqueFd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!bell.socket_)
    return system_error("making a local socket for wake-ups (open files: ulimit -n)");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (bind(bell.fd(), reinterpret_cast<sockaddr*>(&address), sizeof address.sun_family) != 0) {
    return system_error("naming a local socket for wake-ups");
  }
  socklen_t length = sizeof address;
  if (getsockname(bell.fd(), reinterpret_cast<sockaddr*>(&address), &length) != 0 ||
      length < kAddressBytes) {
    return system_error("reading the name of a local socket");
  }
  std::uint64_t name = 0;
  std::memcpy(&name, address.sun_path + 1, kNameBytes);
  line.name.store(name, std::memory_order_relaxed);
  return bell;
}

void Doorbell::announce(bool in_epoll) noexcept {
  seen_ = line_->rings.load(std::memory_order_acquire);
  line_->mode.store(in_epoll ? kInEpoll : kOnFutex, std::memory_order_seq_cst);
  ring_fence();
}

void Doorbell::sleep_on_futex(int ms) noexcept {
  const timespec limit{ms / 1000, static_cast<long>(ms % 1000) * 1'000'000};
  syscall(SYS_futex, &line_->rings, FUTEX_WAIT, seen_, &limit, nullptr, 0);
}

void Doorbell::take_rings() noexcept {
  const bool in_epoll = line_->mode.exchange(kAwake, std::memory_order_acq_rel) == kInEpoll;
  char drop[8];
  for (int i = 0; in_epoll && i < 64 && recv(fd(), drop, sizeof drop, 0) >= 0; ++i) {
  }
}

void Doorbell::ring(DoorbellLine& other) const noexcept {
  ring_fence();
  ring_if_asleep(other);
}

void Doorbell::wake(DoorbellLine& other) const noexcept {
  other.rings.fetch_add(1, std::memory_order_release);
  if (other.mode.load(std::memory_order_acquire) == kOnFutex) {
    syscall(SYS_futex, &other.rings, FUTEX_WAKE, 1, nullptr, nullptr, 0);
    return;
  }
  const sockaddr_un address = address_of(other.name.load(std::memory_order_relaxed));
  const char byte = 0;
  // A full queue means that it has been rung at already.
  static_cast<void>(sendto(fd(), &byte, sizeof byte, MSG_NOSIGNAL | MSG_DONTWAIT,
                           reinterpret_cast<const sockaddr*>(&address), kAddressBytes));
}

}  // namespace hfreduce::transport
