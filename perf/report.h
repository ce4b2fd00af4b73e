// The results, as a table for people and as JSON for programs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "kinds.h"
#include "options.h"
#include "statistics.h"

namespace hfreduce::perf {

// How long another library took for the same.
struct PeerFigure {
  std::string library;
  bool known = false;   // not known: it could not, or was left out
  Spread time;          // us
  std::string setting;  // the fastest of those that were tried; empty: there is one only
};

// The same case in an earlier run.
struct Against {
  // kNone: there is no earlier run; kUnknown: it lacks this case.
  enum class Verdict { kNone, kUnknown, kSame, kSlower, kFaster };
  Verdict verdict = Verdict::kNone;
  double was_us = 0;
};

struct Line {
  Collective collective = Collective::kAllReduce;
  const TypeInfo* type = nullptr;
  const OpInfo* op = nullptr;  // nullptr: a broadcast
  int root = -1;               // -1: none
  int ranks = 1;
  int hosts = 1;
  std::uint64_t bytes = 0;
  Placing place = Placing::kOut;
  Spread time;          // us
  double limit_us = 0;  // 0: not known
  std::string limit_by;
  double staged_us = 0;  // what staging allows; 0: not known, or nothing must be staged
  std::string algorithm;
  std::uint64_t wrong = 0;
  bool checked = true;
  std::vector<PeerFigure> peers;  // on rank 0 only
  Against against;                // on rank 0 only
  int rounds = 0;                 // of calls, of probes and of other libraries
  int rounds_kept = 0;  // of those, the ones that ran on the same machine, as the figures do
  // There were few such, or other processes took a core away in more than one call of a hundred.
  bool noisy = false;
  int preempted = 0;  // times that the rank which was hit most lost its core in timed calls

  double algbw() const { return algorithm_bandwidth(bytes, time.median); }
  double busbw() const { return bus_bandwidth(collective, ranks, algbw()); }
  // Of the limit that is reached: 100 is as fast as the machine goes.
  double percent_of_limit() const {
    return time.median > 0 && limit_us > 0 ? 100 * limit_us / time.median : 0;
  }
  double percent_of_staged() const { return time.median > 0 ? 100 * staged_us / time.median : 0; }
};

// `lines`: any one of the table, for its columns.
std::string table_head(const Line& line);
std::string table_row(const Line& line);
// `baseline`: the file that `against` is from, if any.
std::string table_foot(const std::vector<Line>& lines, const std::string& baseline = "");

// What the figures were taken with.
struct Facts {
  std::string library_version;
  std::string timing;
  int ranks = 1;
  int hosts = 1;
  int most_ranks_a_host = 1;
  int cores = 1;  // of this host
};
// The lines above the tables.
std::string run_head(const Facts& facts);
// `records`: one for each figure.
std::string json_text(const Options& options, const Facts& facts,
                      const std::vector<nlohmann::ordered_json>& records);

}  // namespace hfreduce::perf
