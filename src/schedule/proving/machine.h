// Runs the lanes of all ranks through one call after another. Which lane runs when does not matter:
// waits are the only meeting points and stay satisfied once they are.
#pragma once

#include <string>
#include <vector>

#include "schedule/proving/flags.h"
#include "schedule/proving/memory.h"
#include "schedule/verifier.h"

namespace hfreduce::schedule::proving {

// One lane of one rank in the call that runs.
struct LaneRun {
  std::int32_t rank = 0;
  const Schedule* schedule = nullptr;
  const Lane* lane = nullptr;
  const std::vector<std::uint32_t>* logs = nullptr;  // for each of the schedule's peers' mentions
  std::uint32_t actor = 0;
  Clock clock;
  // Where it is.
  std::int32_t turn = 0;
  std::size_t step = 0;
  std::size_t repeat = 0;  // the enclosing repeat's step + 1; 0: none
  std::uint32_t k = 0;
  std::uint32_t peers_seen = 0;  // of the wait that it is at; of a claim: 1 when it has come there
  std::uint32_t blocked_on = 0;  // log, and the value that it needs
  std::uint64_t needs = 0;
  bool done = false;
};

class Machine {
 public:
  Machine(const Subject& subject, const Layout& layout, std::int32_t most_segments);

  // Schedules of all ranks; they must outlive the machine.
  void load(const std::vector<Schedule>& schedules);
  // One whole call. False: fault() says why.
  bool run(const Call& call);
  // After the last call: the callers write all their buffers once more.
  bool retire(std::int32_t most_segments);
  const std::string& fault() const { return fault_; }
  bool has_clocks() const { return clocks_; }
  std::uint64_t steps() const { return steps_; }

 private:
  // What a rank's caller does, and what its clock is between calls.
  struct Rank {
    Clock clock;
    std::vector<std::uint32_t> actors;  // of its lanes; the first is the caller's as well
  };

  // callers.cc
  void begin(const Call& call);
  bool end();
  bool check_output(std::int32_t rank);
  bool caller_writes(std::int32_t rank, std::size_t cell, const Value& value);
  Value contribution(std::int32_t rank, std::int32_t segment, std::int32_t chunk) const;
  std::string diagnose(std::int32_t rank, std::int32_t segment, std::int32_t chunk,
                       const Value& got) const;
  // machine.cc
  bool run_lanes();
  bool advance(std::uint32_t index);
  bool execute(LaneRun& run, const Step& step, std::int32_t segment);
  bool reduce(LaneRun& run, const Step& step, std::int32_t segment, const Access& access);
  bool is_chunk(LaneRun& run, const Step& step, std::size_t offset, const Value& value);
  bool put(LaneRun& run, const Step& step, std::int32_t segment);
  bool signal(LaneRun& run, const Step& step, std::int32_t segment);
  bool wait(LaneRun& run, const Step& step, std::int32_t segment);
  void drain(LaneRun& run, const Step& step, std::int32_t segment);
  bool raise(LaneRun& run, Log* log, std::uint64_t value, const Step& step);
  bool reached(LaneRun& run, std::uint32_t index, std::uint64_t value);
  bool see(LaneRun& run, const Log& log, std::uint64_t value);
  // claims.cc
  bool claim(LaneRun& run, const Step& step, std::int32_t segment);
  bool do_claims(LaneRun& run, const Step& step, std::int32_t segment);
  std::size_t cell(const LaneRun& run, const Step& step, const Place& place,
                   std::int32_t segment) const;
  std::uint64_t tick(const LaneRun& run, const Tick& tick, std::int32_t segment) const {
    return tick.at(base_ + static_cast<std::uint64_t>(segment), run.k);
  }
  std::uint32_t new_actor(std::string name);
  // report.cc
  bool fail(std::string fault);
  bool fail_at(const LaneRun& run, const std::string& fault);
  bool race(const LaneRun& run, const char* what, const Place& place, const Epoch& with);
  bool deadlock();
  const LaneRun* who_should_raise(const Log& log) const;

  const Subject& subject_;
  const Placement& placement_;
  Layout layout_;
  bool clocks_;
  Memory memory_;
  FlagTable flags_;
  std::vector<Rank> ranks_;
  std::vector<std::string> actors_;  // names; 0 is nobody
  const std::vector<Schedule>* schedules_ = nullptr;
  std::vector<std::vector<std::uint32_t>> logs_;  // by rank, parallel to Schedule::peers
  std::vector<LaneRun> runs_;
  std::vector<std::uint32_t> ready_;
  Call call_;
  std::uint64_t calls_ = 0, base_ = 0, steps_ = 0;
  std::vector<Value> totals_;  // of the call, by segment and chunk
  std::string fault_;
};

}  // namespace hfreduce::schedule::proving
