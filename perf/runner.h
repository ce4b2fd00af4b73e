// Runs the cases of a measurement on one rank, in step with all others.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "baseline.h"
#include "cases.h"
#include "peers.h"
#include "probe_memory.h"
#include "probe_sockets.h"
#include "report.h"
#include "rounds.h"
#include "staged.h"

namespace hfreduce::perf {

class Runner {
 public:
  // Calls that are not timed, before those of a round, where other libraries run in between.
  static constexpr int kRoundWarmUp = 2;

  Runner(Seat& seat, const Options& options);
  // All cases; the lines are complete on every rank. Rank 0 prints each as it comes.
  std::vector<Line> run_all();
  // Whether a library to compare with had to be left out. Known to rank 0 only.
  bool peers_lost() const { return peers_ && peers_->lost(); }

 private:
  struct Samples {
    std::vector<double> calls, copies, staged, hand_overs, turns, sockets, small_messages;
  };
  struct Round {
    Samples samples;
    Bracket bracket;
    double preempted = 0;  // times, of the rank that was hit most
  };

  void start_peers();
  Line run_one(const Case& c);
  // Rounds of calls, probes and other libraries, which take turns so that all see the same machine.
  std::vector<Round> run_rounds(const Case& c, Line& line);
  bool enough(const std::vector<Round>& rounds, std::int64_t began_ns);
  // The figures of those rounds that ran on the same machine.
  void conclude(const std::vector<Round>& rounds, Line& line);
  Floor floor_of_rounds(const Samples& samples);
  Repeated repeated(const Case& c) const;
  void time_calls(const Case& c, int calls, Samples& samples);
  void time_back_to_back(const Case& c, int calls, Samples& samples);
  void probe(const Case& c, int calls, Samples& samples);
  Traffic traffic_of(const Case& c) const;
  PeerRequest request_of(const Case& c, int calls) const;
  void let_peers(const std::function<void(Peers&)>& what);
  void warm_up(const Case& c, int calls);
  Wrong check_once(const Case& c, std::uint64_t salt);
  void show(const Case& c, std::size_t done, std::size_t all);

  Seat& seat_;
  const Options& options_;
  Progress progress_;
  std::unique_ptr<SocketRing> ring_;
  std::unique_ptr<Staged> staged_;  // where calls must stage: one host, ordinary memory
  bool comparing_;                  // the same on all ranks
  std::unique_ptr<PeerCompany> company_;
  std::unique_ptr<Peers> peers_;      // on rank 0; on each under a launcher
  std::optional<Baseline> baseline_;  // on rank 0
};

}  // namespace hfreduce::perf
