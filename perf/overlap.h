// What came of a computation beside a request: the figures of a case, the table and the records.
#pragma once

#include <string>
#include <vector>

#include "records.h"
#include "report.h"

namespace hfreduce::perf {

struct OverlapLine {
  Line about;                            // the case, its checks and its rounds; `time` is `both`
  Spread computation, collective, both;  // us, of the slowest rank

  // How much time the two took less than one after the other, as a share of the shorter of them:
  // 100 is all of it; less than 0: they hindered each other. Of no times: 0.
  double hidden_percent() const;
  double hidden_us() const { return computation.median + collective.median - both.median; }
};

// Who has which cores: what can hide depends on it.
struct Cores {
  int cores = 1;      // that a rank's process may use
  int ranks = 1;      // on this machine, whatever host they are on
  int processes = 1;  // of those; each has a progress thread
  int spare() const { return cores > ranks ? cores - ranks : 0; }
};

std::string overlap_head(const Cores& cores);
std::string overlap_titles();
std::string overlap_row(const OverlapLine& line);
std::string overlap_foot(const std::vector<OverlapLine>& lines);

std::vector<Record> overlap_records(const Cores& cores, const std::vector<OverlapLine>& lines);

}  // namespace hfreduce::perf
