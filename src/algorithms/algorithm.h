// Algorithms are pure functions that emit schedules. They have heard of ranks, hosts and chunks,
// never of bytes, sockets or pointers.
#pragma once

#include <span>
#include <string_view>

#include "schedule/schedule.h"

namespace hfreduce::algorithms {

enum class Collective : std::uint8_t { kAllReduce, kBroadcast };

// What an algorithm may depend on: the same on all ranks of a call.
struct Request {
  const schedule::Placement* placement = nullptr;
  std::int32_t root = 0;  // kBroadcast
  std::int32_t leaders =
      1;  // hierarchical ones: ranks a host that talk to other hosts, 1 .. fewest_local
};

struct Algorithm {
  std::string_view name;  // "ring", "hierarchical-tree", ...
  Collective collective;
  std::string_view summary;  // one line for people
  // Whether it can run on this placement at all.
  bool (*applies)(const schedule::Placement&);
  // The same for all ranks and roots of a placement.
  schedule::Layout (*layout)(const Request&);
  schedule::Schedule (*emit)(const Request&, std::int32_t rank);
};

// All of them, in the order in which `hfreduce-sched list` prints them. An algorithm's index here
// is its number in fingerprints and channels, so it is the same on all ranks of one version.
std::span<const Algorithm> all();
// nullptr: no such algorithm.
const Algorithm* find(Collective collective, std::string_view name);

}  // namespace hfreduce::algorithms
