// An earlier run, from the file that --json wrote, and whether this one is slower.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "report.h"

namespace hfreduce::perf {

class Baseline {
 public:
  // Throws with a sentence, and exit status 2, what cannot be read, is no such file, or was
  // measured with other buffers or calls than `options` ask for.
  static Baseline read(const Options& options);
  static Baseline parse(const std::string& path, const std::string& text);

  // What the same case took then. `tolerance`: a share, 0.1 for 10 %, by which runs on one machine
  // may differ. Slower or faster is what lies beyond it with the whole intervals in which the
  // medians lie, and, where both runs know their limit, is so measured by the limit too: then it
  // was not the machine.
  Against judge(const Line& line, double tolerance) const;

 private:
  struct Then {
    Spread time;
    double limit_us = 0;
  };
  std::map<std::string, Then> cases_;
  std::map<std::string, std::string> setup_;  // of all cases, as JSON; empty: the file does not say
};

// Cells of the table.
std::string against_title(const Line& line);
std::string against_unit(const Line& line);
std::string against_cell(const Line& line);
// What it comes to; empty without a baseline.
std::string against_summary(const std::string& path, const std::vector<Line>& lines);

}  // namespace hfreduce::perf
