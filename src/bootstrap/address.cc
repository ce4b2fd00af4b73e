#include "bootstrap/address.h"

#include <arpa/inet.h>
#include <fmt/core.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "bootstrap/wire.h"

namespace hfreduce::bootstrap {
namespace {

constexpr std::uint8_t kPackedV4 = 4, kPackedV6 = 6;
constexpr std::size_t kPackedBytes = 19;

template <typename T>
T read_as(const sockaddr_storage& storage) {
  T address;
  std::memcpy(&address, &storage, sizeof address);
  return address;
}

Status not_packed() { return Status(Code::kProtocolError, "these bytes are no packed address"); }

Result<std::uint16_t> parse_port(std::string_view text, std::string_view whole) {
  unsigned port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() || port > 65535) {
    return Status(Code::kInvalidArgument,
                  fmt::format("'{}' in '{}' is no port number (0 to 65535)", text, whole));
  }
  return static_cast<std::uint16_t>(port);
}

struct HostAndPort {
  std::string host;
  std::uint16_t port;
};

Result<HostAndPort> split(std::string_view text, std::uint16_t default_port) {
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) {
      return Status(Code::kInvalidArgument, fmt::format("'{}' lacks a closing ']'", text));
    }
    const std::string host(text.substr(1, end - 1));
    if (end + 1 == text.size()) return HostAndPort{host, default_port};
    if (text[end + 1] != ':') {
      return Status(Code::kInvalidArgument, fmt::format("'{}' is not [address]:port", text));
    }
    HFR_ASSIGN(const std::uint16_t port, parse_port(text.substr(end + 2), text));
    return HostAndPort{host, port};
  }
  const std::size_t colon = text.rfind(':');
  // No colon: a bare host. Several: a bare IPv6 address.
  if (colon == std::string_view::npos || text.find(':') != colon) {
    return HostAndPort{std::string(text), default_port};
  }
  HFR_ASSIGN(const std::uint16_t port, parse_port(text.substr(colon + 1), text));
  return HostAndPort{std::string(text.substr(0, colon)), port};
}

}  // namespace

Address::Address(const sockaddr* address, socklen_t length) {
  std::memcpy(&storage_, address, std::min<std::size_t>(length, sizeof storage_));
  length_ = std::min<socklen_t>(length, sizeof storage_);
  if (family() != AF_INET6) return;
  const auto v6 = read_as<sockaddr_in6>(storage_);
  if (!IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) return;
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = v6.sin6_port;
  std::memcpy(&v4.sin_addr, &v6.sin6_addr.s6_addr[12], 4);
  storage_ = {};
  std::memcpy(&storage_, &v4, sizeof v4);
  length_ = sizeof v4;
}

std::uint16_t Address::port() const noexcept {
  if (family() == AF_INET) return ntohs(read_as<sockaddr_in>(storage_).sin_port);
  if (family() == AF_INET6) return ntohs(read_as<sockaddr_in6>(storage_).sin6_port);
  return 0;
}

Address Address::with_port(std::uint16_t port) const {
  Address other = *this;
  if (family() == AF_INET) {
    auto v4 = read_as<sockaddr_in>(storage_);
    v4.sin_port = htons(port);
    std::memcpy(&other.storage_, &v4, sizeof v4);
  } else if (family() == AF_INET6) {
    auto v6 = read_as<sockaddr_in6>(storage_);
    v6.sin6_port = htons(port);
    std::memcpy(&other.storage_, &v6, sizeof v6);
  }
  return other;
}

bool Address::loopback() const noexcept {
  if (family() == AF_INET) {
    return (ntohl(read_as<sockaddr_in>(storage_).sin_addr.s_addr) >> 24) == 127;
  }
  if (family() != AF_INET6) return false;
  const auto v6 = read_as<sockaddr_in6>(storage_);
  return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
}

std::string Address::to_string() const {
  char text[INET6_ADDRSTRLEN] = "";
  if (family() == AF_INET) {
    const auto v4 = read_as<sockaddr_in>(storage_);
    inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
    return fmt::format("{}:{}", text, port());
  }
  if (family() != AF_INET6) return "no address";
  const auto v6 = read_as<sockaddr_in6>(storage_);
  inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
  char name[IF_NAMESIZE] = "";
  if (v6.sin6_scope_id != 0 && if_indextoname(v6.sin6_scope_id, name) != nullptr) {
    return fmt::format("[{}%{}]:{}", text, name, port());
  }
  return fmt::format("[{}]:{}", text, port());
}

std::string Address::pack() const {
  std::string address(16, '\0');
  if (family() == AF_INET) {
    const auto v4 = read_as<sockaddr_in>(storage_);
    std::memcpy(address.data(), &v4.sin_addr, 4);
  } else if (family() == AF_INET6) {
    const auto v6 = read_as<sockaddr_in6>(storage_);
    std::memcpy(address.data(), &v6.sin6_addr, 16);
  }
  const std::uint8_t kind = family() == AF_INET ? kPackedV4 : family() == AF_INET6 ? kPackedV6 : 0;
  return Writer().u8(kind).u16(port()).raw(address).take();
}

Result<Address> Address::unpack(std::string_view bytes) {
  Reader reader(bytes);
  const std::uint8_t kind = reader.u8();
  const std::uint16_t port = reader.u16();
  const std::string_view address = reader.raw(16);
  if (bytes.size() != kPackedBytes || !reader.done() || (kind != kPackedV4 && kind != kPackedV6)) {
    return not_packed();
  }
  if (kind == kPackedV4) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&v4.sin_addr, address.data(), 4);
    if (address.substr(4) != std::string(12, '\0')) return not_packed();
    return Address(reinterpret_cast<const sockaddr*>(&v4), sizeof v4);
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  std::memcpy(&v6.sin6_addr, address.data(), 16);
  // Such an address is written as IPv4: one address, one form.
  if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) return not_packed();
  return Address(reinterpret_cast<const sockaddr*>(&v6), sizeof v6);
}

Result<std::vector<Address>> resolve(std::string_view text, std::uint16_t default_port) {
  HFR_ASSIGN(const HostAndPort target, split(text, default_port));
  if (target.host.empty()) {
    return Status(Code::kInvalidArgument, fmt::format("'{}' names no host", text));
  }
  return resolve_host(target.host, target.port);
}

Result<std::vector<Address>> resolve_host(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (error != 0) {
    return Status(Code::kSystemError,
                  fmt::format("cannot find the address of host '{}': {}", host,
                              error == EAI_SYSTEM ? std::strerror(errno) : gai_strerror(error)));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, freeaddrinfo);
  std::vector<Address> addresses;
  for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
    if (entry->ai_family != AF_INET && entry->ai_family != AF_INET6) continue;
    addresses.push_back(Address(entry->ai_addr, entry->ai_addrlen).with_port(port));
  }
  if (addresses.empty()) {
    return Status(Code::kSystemError,
                  fmt::format("host '{}' has neither an IPv4 nor an IPv6 address", host));
  }
  return addresses;
}

}  // namespace hfreduce::bootstrap
