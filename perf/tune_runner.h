// Measures every way in which each call can be done, in turns.
#pragma once

#include <vector>

#include "cases.h"
#include "tuning_lines.h"

namespace hfreduce::perf {

class TuneRunner {
 public:
  // Throws where the library has no place to keep what is measured.
  TuneRunner(Seat& seat, const Options& options);
  // All cases, in step with all ranks: of each the ways, the fastest first. Rank 0 prints them.
  std::vector<TunedWay> run_all();
  // Rank 0: puts them where the library looks for them; the name of the file.
  std::string write(const std::vector<TunedWay>& ways) const;

 private:
  struct Runner {
    TunedWay way;
    std::vector<double> samples;
    int in_a_row = 1;
  };

  std::vector<TunedWay> run_one(const Case& c);
  static void drop_slow(std::vector<Runner>* race, std::vector<TunedWay>* done);
  double time(const Case& c, const TunedWay& way, int in_a_row);

  Seat& seat_;
  Options options_;
  Progress progress_;
  TuningInfo info_;
};

}  // namespace hfreduce::perf
