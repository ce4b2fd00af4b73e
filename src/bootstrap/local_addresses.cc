// Which of this host's addresses others should use.
#include <arpa/inet.h>
#include <fmt/core.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <memory>
#include <set>
#include <sstream>

#include "bootstrap/address.h"

namespace hfreduce::bootstrap {
namespace {

struct Candidate {
  std::string interface;
  Address address;
  int worth = 0;  // lower is better
};

// Interfaces that a default route goes through, both families.
std::set<std::string> default_route_interfaces() {
  std::set<std::string> names;
  std::string line, name, destination, rest;
  std::ifstream v4("/proc/net/route");
  std::getline(v4, line);
  while (std::getline(v4, line)) {
    std::istringstream fields(line);
    std::string gateway, flags, count, use, metric, mask;
    fields >> name >> destination >> gateway >> flags >> count >> use >> metric >> mask;
    if (destination == "00000000" && mask == "00000000") names.insert(name);
  }
  std::ifstream v6("/proc/net/ipv6_route");
  while (std::getline(v6, line)) {
    std::istringstream fields(line);
    std::string prefix;
    fields >> destination >> prefix;
    while (fields >> rest) name = rest;
    if (destination == std::string(32, '0') && prefix == "00" && name != "lo") names.insert(name);
  }
  return names;
}

bool made_by_container_engine(std::string_view name) {
  constexpr std::array<std::string_view, 10> kPrefixes = {
      "docker", "br-", "virbr", "veth", "cni", "podman", "lxc", "flannel", "cali", "tailscale"};
  return std::any_of(kPrefixes.begin(), kPrefixes.end(),
                     [&](std::string_view prefix) { return name.starts_with(prefix); });
}

bool link_local(const Address& address) {
  if (address.family() == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(address.raw());
    return (ntohl(v4->sin_addr.s_addr) >> 16) == 0xa9fe;  // 169.254/16
  }
  const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address.raw());
  return IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr);
}

Result<std::vector<Candidate>> all_candidates() {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return system_error("listing the network interfaces (getifaddrs)");
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner(list, freeifaddrs);
  const std::set<std::string> defaults = default_route_interfaces();
  std::vector<Candidate> found;
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || (entry->ifa_flags & IFF_UP) == 0) continue;
    const int family = entry->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6) continue;
    const Address address(entry->ifa_addr,
                          family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
    Candidate candidate{entry->ifa_name, address, 2};
    if (address.loopback()) {
      candidate.worth = 8;
    } else if (link_local(address)) {
      candidate.worth = 6;
    } else if (defaults.contains(entry->ifa_name)) {
      candidate.worth = 0;
    } else if (made_by_container_engine(entry->ifa_name)) {
      candidate.worth = 4;
    }
    if (family == AF_INET6) ++candidate.worth;
    found.push_back(std::move(candidate));
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const Candidate& a, const Candidate& b) { return a.worth < b.worth; });
  return found;
}

std::string host_part(const Address& address) {
  const std::string text = address.with_port(0).to_string();
  return text.substr(0, text.rfind(':'));
}

bool is_wanted(const Candidate& candidate, std::string_view wanted, bool whole_name) {
  if (whole_name) return candidate.interface == wanted;
  const std::string host = host_part(candidate.address);
  return candidate.interface.starts_with(wanted) || host == wanted ||
         host == fmt::format("[{}]", wanted);
}

}  // namespace

Result<std::vector<Address>> local_addresses(std::string_view wanted) {
  HFR_ASSIGN(const std::vector<Candidate> all, all_candidates());
  std::vector<Address> chosen;
  const auto collect = [&](auto&& fits) {
    for (const Candidate& candidate : all) {
      if (fits(candidate)) chosen.push_back(candidate.address);
    }
  };
  if (!wanted.empty()) {
    collect([&](const Candidate& c) { return c.worth < 6 && is_wanted(c, wanted, true); });
    if (chosen.empty()) collect([&](const Candidate& c) { return is_wanted(c, wanted, false); });
    if (!chosen.empty()) return chosen;
    std::set<std::string> names;
    for (const Candidate& candidate : all) names.insert(candidate.interface);
    std::string list;
    for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
    return Status(
        Code::kInvalidArgument,
        fmt::format("HFREDUCE_INTERFACE={}: no interface that is up has this name, prefix or "
                    "address (there are: {})",
                    wanted, list));
  }
  collect([](const Candidate& c) { return c.worth < 6; });
  if (chosen.empty()) collect([](const Candidate& c) { return c.worth >= 8; });
  if (!chosen.empty()) return chosen;
  return Status(Code::kSystemError,
                "this host has no network interface that is up, not even the loopback one (bring "
                "it up with: ip link set lo up)");
}

}  // namespace hfreduce::bootstrap
