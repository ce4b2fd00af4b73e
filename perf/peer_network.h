// The network that an address of this host is in.
#pragma once

#include <string>

namespace hfreduce::perf {

struct PeerNetwork {
  std::string interface;  // "eth0"
  std::string range;      // "10.0.3.0/24"
};
// Throws where no interface has the address, or it is not IPv4.
PeerNetwork network_of(const std::string& address);

}  // namespace hfreduce::perf
