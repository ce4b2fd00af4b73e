#include "transport/tcp/congestion.h"

#include <fmt/core.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <fstream>

namespace hfreduce::transport {
namespace {

constexpr std::size_t kMostName = 16;  // TCP_CA_NAME_MAX

UniqueFd any_socket() {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) fd = UniqueFd(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return fd;
}

bool set(const UniqueFd& socket, std::string_view name) {
  return ::setsockopt(socket.get(), IPPROTO_TCP, TCP_CONGESTION, name.data(),
                      static_cast<socklen_t>(name.size())) == 0;
}

std::string in_use(const UniqueFd& socket) {
  char name[kMostName] = {};
  socklen_t size = sizeof name - 1;
  if (::getsockopt(socket.get(), IPPROTO_TCP, TCP_CONGESTION, name, &size) != 0) return {};
  return name;
}

// What the kernel says in /proc: names with blanks between.
std::string said_in(const char* file) {
  std::ifstream stream(file);
  std::string line;
  std::getline(stream, line);
  return line.empty() ? "unknown" : line;
}

}  // namespace

Result<Congestion> choose_congestion(std::string_view wanted) {
  const UniqueFd socket = any_socket();
  if (!socket) return system_error("opening a TCP socket");
  Congestion result;
  result.system = result.name = in_use(socket);
  if (wanted == "system" || wanted == result.system) return result;
  if (!wanted.empty()) {
    if (wanted.size() >= kMostName || !set(socket, wanted)) {
      const std::string why = wanted.size() >= kMostName ? "too long" : strerrorname_np(errno);
      return Status(
          Code::kInvalidArgument,
          fmt::format("HFREDUCE_CONGESTION={}: the kernel refuses it ({}); it knows {}, and allows "
                      "everybody {}",
                      wanted, why, said_in("/proc/sys/net/ipv4/tcp_available_congestion_control"),
                      said_in("/proc/sys/net/ipv4/tcp_allowed_congestion_control")));
    }
    result.name = wanted;
    return result;
  }
  if (!result.system.starts_with("bbr")) return result;
  for (const char* name : {"reno", "cubic"}) {
    if (!set(socket, name)) continue;
    result.name = name;
    break;
  }
  return result;
}

Status use_congestion(const UniqueFd& socket, const Congestion& congestion) {
  if (!congestion.chosen() || set(socket, congestion.name)) return {};
  if (errno == EOPNOTSUPP || errno == ENOPROTOOPT) return {};  // a local socket, which has none
  return system_error("setting TCP_CONGESTION");
}

}  // namespace hfreduce::transport
