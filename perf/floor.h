// What no implementation can beat on this machine, from what was measured beside the calls.
#pragma once

#include <cstdint>
#include <string>

#include "kinds.h"

namespace hfreduce::perf {

// Microseconds; 0: not measured, or does not apply.
struct Measured {
  double copy = 0;           // the local ranks together read and write what the call must
  double hand_over = 0;      // a cache line, from one core to another, one way
  double turn = 0;           // one rank yields its core to another
  double sockets = 0;        // plain TCP sockets carry what the call must between hosts
  double small_message = 0;  // plain TCP sockets, 8 bytes, one way
};

struct Shape {
  int ranks = 1;
  int hosts = 1;
  int local = 1;  // the most ranks that a host has
  int cores = 1;  // of the host that has the fewest
};

struct Floor {
  double us = 0;   // 0: unknown
  std::string by;  // which of the above weighs most
};

// In a host every input is read once and every output written once, and at least one cache line
// changes hands; each core runs its ranks one after the other. Between hosts: the bytes, and
// ceil(log2 hosts) messages one after the other. What takes longer of the two is the floor, since
// they can overlap.
Floor floor_of(const Shape& shape, const Measured& measured);

// What each host must send and receive, for `bytes` a rank: 2 (h-1)/h of it for an allreduce.
std::uint64_t wire_bytes(Collective collective, int hosts, std::uint64_t bytes);

}  // namespace hfreduce::perf
