// Runs the cases of a measurement on one rank, in step with all others.
#pragma once

#include <memory>
#include <vector>

#include "options.h"
#include "pattern.h"
#include "probe_memory.h"
#include "probe_sockets.h"
#include "progress.h"
#include "report.h"
#include "seat.h"

namespace hfreduce::perf {

// How calls are timed.
enum class Timing {
  kFenced,      // one by one, from a barrier that is not timed; the slowest rank counts
  kBackToBack,  // many in a row: where ranks outnumber cores, or a barrier would blur a short call
};

class Runner {
 public:
  Runner(Seat& seat, const Options& options);
  // All cases; the lines are complete on every rank. Rank 0 prints each as it comes.
  std::vector<Line> run_all();
  // For the head of the report.
  Facts facts() const;

 private:
  struct Case {
    Pattern pattern;
    std::uint64_t bytes = 0;
    Placing place = Placing::kOut;
  };
  struct Samples {
    std::vector<double> calls, copies, hand_overs, turns, sockets, small_messages;
  };

  std::vector<Case> cases() const;
  Line run_one(const Case& c);
  Call call_of(const Case& c);
  void fill(const Case& c, std::uint64_t salt);
  void time_calls(const Case& c, int calls, Samples& samples);
  void time_back_to_back(const Case& c, int calls, Samples& samples);
  void probe(const Case& c, int calls, Samples& samples);
  Traffic traffic_of(const Case& c) const;
  Wrong check_once(const Case& c, std::uint64_t salt);
  Wrong look_at_output(const Case& c, std::uint64_t salt);
  std::uint64_t tell_wrong(const Case& c, const Wrong& mine);
  Timing timing_of(std::uint64_t bytes) const;
  void show(const Case& c, std::size_t done, std::size_t all);
  std::string name(const Case& c) const;

  Seat& seat_;
  const Options& options_;
  Progress progress_;
  std::unique_ptr<SocketRing> ring_;
};

}  // namespace hfreduce::perf
