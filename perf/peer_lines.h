// The lines that hfreduce-perf and the processes of another library speak (docs/compare.md).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kinds.h"
#include "statistics.h"

namespace hfreduce::perf {

struct PeerRequest {
  Collective collective = Collective::kAllReduce;
  const TypeInfo* type = nullptr;
  const OpInfo* op = nullptr;  // kAllReduce
  int root = 0;                // kBroadcast
  std::uint64_t count = 0;     // elements
  int iterations = 1;
  Placing place = Placing::kOut;
  bool in_a_row = false;  // calls back to back
  int warm_up = 0;        // calls before those, not timed
};
// Without the end of the line.
std::string request_line(const PeerRequest& request);

// What one process answered.
struct PeerAnswer {
  std::string error;            // its sentence; empty: it did what was asked
  bool cannot = false;          // nothing went wrong: the library has no such thing
  Spread time;                  // us
  std::vector<double> samples;  // of the calls, where it has told
};
// Throws when the line is no answer to this protocol, or cannot be true of calls that took
// `elapsed_us` from the request to the answer.
PeerAnswer parse_answer(const std::string& line, int iterations, double elapsed_us);

// Of all processes: the slowest rank of each call where all have told about every call, else the
// slowest rank's figures. An error of any of them is everyone's.
PeerAnswer slowest_of(const std::vector<PeerAnswer>& answers);

// Rounds of one case together: by all samples, or by the median of the medians.
Spread spread_of_rounds(const std::vector<PeerAnswer>& rounds);

// What another wrote, fit for a terminal: one line, not too long, nothing but what can be printed.
std::string printable(const std::string& text);

}  // namespace hfreduce::perf
