// Which congestion control data sockets use.
//
// One that paces by its own model of the path (bbr) learns that model from a stream that never
// ends; a collective sends in bursts with pauses between them, and the model then often holds at
// half of what the path can carry, for as long as the connection lives. See docs/limits.md.
#pragma once

#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/status.h"

namespace hfreduce::transport {

struct Congestion {
  std::string name;    // in use
  std::string system;  // what the system would have chosen
  bool chosen() const { return name != system; }
};

// `wanted`: "system", a name that the kernel knows, or empty: the system's, but reno or cubic where
// that is bbr and this process may. kInvalidArgument: a name that
// the kernel does not offer, or not to this process. Makes a socket to find out.
Result<Congestion> choose_congestion(std::string_view wanted);

// The kernel has said before that it may be used.
Status use_congestion(const UniqueFd& socket, const Congestion& congestion);

}  // namespace hfreduce::transport
