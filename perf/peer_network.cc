#include "peer_network.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <netinet/in.h>

#include <bit>
#include <memory>

#include "failure.h"

namespace hfreduce::perf {

PeerNetwork network_of(const std::string& address) {
  if (address.empty()) {
    throw Failure("no connection between the leaders of the hosts shows on which network they are");
  }
  in_addr wanted = {};
  if (inet_pton(AF_INET, address.c_str(), &wanted) != 1) {
    throw Failure(fmt::format(
        "the hosts reach each other by '{}', and MPIs are started over IPv4 only", address));
  }
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) fail_with_errno("listing network interfaces");
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(list, freeifaddrs);
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || entry->ifa_addr->sa_family != AF_INET) continue;
    const auto* own = reinterpret_cast<const sockaddr_in*>(entry->ifa_addr);
    const auto* mask = reinterpret_cast<const sockaddr_in*>(entry->ifa_netmask);
    if (own->sin_addr.s_addr != wanted.s_addr || mask == nullptr) continue;
    const in_addr network = {wanted.s_addr & mask->sin_addr.s_addr};
    char text[INET_ADDRSTRLEN] = {};
    inet_ntop(AF_INET, &network, text, sizeof(text));
    return {entry->ifa_name, fmt::format("{}/{}", text, std::popcount(mask->sin_addr.s_addr))};
  }
  throw Failure(fmt::format("no network interface of this host has the address {}", address));
}

}  // namespace hfreduce::perf
