// Measures each case three ways, in turns: a computation alone, a request alone, and the
// computation between the start of the request and the wait for it.
#pragma once

#include <vector>

#include "cases.h"
#include "overlap.h"
#include "rounds.h"
#include "work.h"

namespace hfreduce::perf {

class OverlapRunner {
 public:
  OverlapRunner(Seat& seat, const Options& options)
      : seat_(seat), options_(options), progress_(seat.rank == 0) {}
  // All cases, in step with all ranks; the lines are complete on every rank. Rank 0 prints each.
  std::vector<OverlapLine> run_all();
  // Of this rank's machine.
  Cores cores() const;

 private:
  enum Kind { kComputation, kCollective, kBoth, kKinds };
  struct Round {
    std::vector<double> samples[kKinds];
    Bracket bracket;
  };

  OverlapLine run_one(const Case& c);
  // Makes the computation about as long as the request.
  void calibrate(const Case& c);
  std::vector<Round> run_rounds(const Case& c);
  bool enough(const std::vector<Round>& rounds, std::int64_t began_ns);
  void conclude(const std::vector<Round>& rounds, OverlapLine& line) const;
  // The mean of `in_a_row` times `kind`, us, from a barrier.
  double time(Kind kind, const Case& c, int in_a_row);
  void make(Kind kind, const Case& c);

  Seat& seat_;
  const Options& options_;
  Progress progress_;
  Work work_;
  double steps_per_us_ = 0;
  std::uint64_t steps_ = 1;  // of the computation of this case
};

}  // namespace hfreduce::perf
