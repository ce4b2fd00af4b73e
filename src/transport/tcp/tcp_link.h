// A posted link over one or more TCP connections with one peer.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/status.h"
#include "transport/link.h"
#include "transport/tcp/congestion.h"

namespace hfreduce::transport {

struct TcpLinkOptions {
  int peer = -1;
  std::string host;  // the peer's, for texts
  // Connected and authenticated, one or more. Both sides must give the same connections in the same
  // order.
  std::vector<UniqueFd> sockets;
  bool checksum =
      true;  // CRC32C over each payload that is sent; arriving messages say whether they have one
  Congestion congestion;
  Inbox* inbox = nullptr;   // outlives the link
  std::size_t queue = 256;  // messages that may wait on each socket; a power of two
};

Result<std::unique_ptr<Link>> make_tcp_link(TcpLinkOptions options);

}  // namespace hfreduce::transport
