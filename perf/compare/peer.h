// What adapters have in common: they take requests, keep the buffers, check results to the bit, and
// time calls as hfreduce-perf times its own. An adapter only says how its library does a call.
#pragma once

#include <cstddef>
#include <functional>

#include "compare/channel.h"
#include "failure.h"
#include "pattern.h"
#include "peer_lines.h"

namespace hfreduce::perf {

// That the library has no such thing, which is no failure of it.
class Cannot : public Failure {
 public:
  using Failure::Failure;
};

class PeerLibrary {
 public:
  virtual ~PeerLibrary() = default;
  // A call that can be made again and again; throws Cannot where the library has none.
  virtual std::function<void()> prepare(const PeerRequest& request, std::byte* send,
                                        std::byte* receive) = 0;
  // A barrier of the library's own, where ranks share no memory for another.
  virtual void meet() = 0;
};

// Like this program's own ranks, as the channel or HFREDUCE_PERF_CORES says.
void bind_as_told(const Channel& channel);
// Until the other end closes. Returns the exit status.
int serve(PeerLibrary& library, Channel& channel, int rank, int ranks);

}  // namespace hfreduce::perf
