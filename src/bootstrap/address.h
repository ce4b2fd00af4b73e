// IPv4 and IPv6 addresses with a port, and the choice of the one that others can reach.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace hfreduce::bootstrap {

class Address {
 public:
  Address() = default;
  Address(const sockaddr* address, socklen_t length);

  const sockaddr* raw() const noexcept { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t size() const noexcept { return length_; }
  int family() const noexcept { return storage_.ss_family; }
  std::uint16_t port() const noexcept;
  Address with_port(std::uint16_t port) const;
  bool loopback() const noexcept;
  std::string to_string() const;  // "10.0.0.1:4711", "[fe80::1%eth0]:4711"

  // 19 bytes: family, port, address; IPv4-mapped IPv6 is stored as IPv4. Link-local scope is not
  // carried.
  std::string pack() const;
  static Result<Address> unpack(std::string_view bytes);

 private:
  sockaddr_storage storage_{};
  socklen_t length_ = 0;
};

// "host:port", "[v6]:port" or a bare host with `default_port`; resolved with getaddrinfo.
Result<std::vector<Address>> resolve(std::string_view text, std::uint16_t default_port);

// The same for a bare host name or address.
Result<std::vector<Address>> resolve_host(const std::string& host, std::uint16_t port);

// Addresses of this host that others may reach, best first: the chosen interface (a name, a prefix
// of one, or an address) if `wanted` is not empty, and an error if there is no such; else the
// interface of the default route, then other global addresses, bridges of container engines last;
// loopback only if there is nothing else. Ports are 0.
Result<std::vector<Address>> local_addresses(std::string_view wanted);

}  // namespace hfreduce::bootstrap
