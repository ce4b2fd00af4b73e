// The ways in which a call can be done, and the file in which the library looks for the fastest.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kinds.h"

namespace hfreduce::perf {

// What the library says that can be measured on a communicator.
struct TuningInfo {
  struct Way {
    Collective collective = Collective::kAllReduce;
    std::string algorithm;
    std::uint64_t most_segment_bytes = 0;
  };
  std::string file;  // empty: none
  std::string machine, shape;
  std::vector<Way> ways;
};
TuningInfo parse_tuning_info(const std::string& json);

// One way to do one call, and how long it took.
struct TunedWay {
  Collective collective = Collective::kAllReduce;
  std::uint64_t bytes = 0;
  std::string algorithm;
  std::uint64_t segment_bytes = 0;  // 0: as the library chooses
  double us = 0;

  std::string name() const;  // "ring@64K", as hfreduceCallConfig_t::algorithm takes it
};
// All that are worth measuring for a call of so many bytes.
std::vector<TunedWay> ways_for(const TuningInfo& info, Collective collective, std::uint64_t bytes);

// The contents of the file once these are in it: what `before` says of other shapes of the same
// machine stays.
std::string tuning_text(const TuningInfo& info, const std::vector<TunedWay>& ways,
                        const std::string& before);

// A line of the table: the fastest of a case, and the best of each other algorithm. `ways` of one
// case, the fastest first.
std::string tuned_row(const std::vector<TunedWay>& ways);

}  // namespace hfreduce::perf
