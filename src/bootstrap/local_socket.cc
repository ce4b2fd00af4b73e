#include "bootstrap/local_socket.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace hfreduce::bootstrap {
namespace {

struct Name {
  sockaddr_un address{};
  socklen_t size = 0;
};

// A first byte of zero makes it abstract.
Name abstract_name(std::string_view name) {
  Name result;
  result.address.sun_family = AF_UNIX;
  const std::size_t bytes = std::min(name.size(), sizeof result.address.sun_path - 1);
  std::memcpy(result.address.sun_path + 1, name.data(), bytes);
  result.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + bytes);
  return result;
}

// SEQPACKET keeps messages whole, so that a descriptor and its bytes cannot be torn apart.
UniqueFd new_socket() {
  return UniqueFd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

}  // namespace

bool same_user(const UniqueFd& socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  return getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
         peer.uid == geteuid();
}

bool wait_readable(const UniqueFd& socket, Deadline deadline) {
  pollfd entry{socket.get(), POLLIN, 0};
  return ::poll(&entry, 1, deadline.left_ms()) == 1;
}

Result<UniqueFd> listen_local(std::string_view name) {
  UniqueFd socket = new_socket();
  const Name at = abstract_name(name);
  if (!socket ||
      ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&at.address), at.size) != 0 ||
      ::listen(socket.get(), 4096) != 0) {
    return system_error("listening on an abstract Unix socket (open files: ulimit -n)");
  }
  return socket;
}

Result<UniqueFd> accept_local(const UniqueFd& listener, Deadline deadline) {
  if (!wait_readable(listener, deadline)) return UniqueFd();
  UniqueFd socket(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!socket && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM))
    return system_error("accepting on an abstract Unix socket (open files: ulimit -n)");
  return socket && same_user(socket) ? std::move(socket) : UniqueFd();
}

Result<UniqueFd> connect_local(std::string_view name) {
  UniqueFd socket = new_socket();
  if (!socket) return system_error("opening an abstract Unix socket (open files: ulimit -n)");
  const Name at = abstract_name(name);
  const bool connected =
      ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&at.address), at.size) == 0;
  return connected && same_user(socket) ? std::move(socket) : UniqueFd();
}

bool send_local(const UniqueFd& socket, std::string_view bytes, int passed) {
  iovec data{const_cast<char*>(bytes.data()), bytes.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  if (passed >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &passed, sizeof passed);
  }
  return ::sendmsg(socket.get(), &message, MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
}

LocalMessage receive_local(const UniqueFd& socket, std::size_t count, Deadline deadline) {
  LocalMessage result;
  if (!wait_readable(socket, deadline)) return result;
  std::string bytes(count + 1, '\0');  // one more, so that a longer message is seen to be one
  iovec data{bytes.data(), bytes.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t got = ::recvmsg(socket.get(), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  const cmsghdr* header = got >= 0 ? CMSG_FIRSTHDR(&message) : nullptr;
  if (header != nullptr && header->cmsg_type == SCM_RIGHTS &&
      header->cmsg_len == CMSG_LEN(sizeof(int))) {
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
    result.passed = UniqueFd(fd);
  }
  if (got != static_cast<ssize_t>(count)) return {};
  bytes.resize(count);
  result.bytes = std::move(bytes);
  return result;
}

}  // namespace hfreduce::bootstrap
