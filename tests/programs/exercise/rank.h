// One rank's life: join, work through the sequence, misbehave when asked, survive an error, go on.
#pragma once

#include <hfreduce.h>

#include <cstdint>
#include <deque>
#include <vector>

#include "operation.h"
#include "options.h"

namespace exercise {

// A communicator with what the sequence on it needs.
struct Lane {
  hfreduceComm_t comm = nullptr;
  int rank = 0;
  int ranks = 1;
  std::uint64_t stream = 0;  // numbers the sequence: the same on all its ranks
};

class Rank {
 public:
  Rank(const Options& options, int rank) : options_(options), rank_(rank) {}
  // The process's exit status: 0 all right (an error that was met properly is all right), 1 wrong.
  int live();

 private:
  hfreduceResult_t join_all();
  hfreduceResult_t add_lane(hfreduceComm_t comm, std::uint64_t stream);
  hfreduceResult_t work();
  hfreduceResult_t step(std::uint64_t index);
  hfreduceResult_t start(const Lane& lane, const Task& task);
  hfreduceResult_t drain(std::size_t keep);
  bool goes_on(std::int64_t end_ns, hfreduceResult_t* result);
  void verify(const Operation& operation);

  // misbehave.cc: returns false when the operation must not be made as it was.
  bool misbehaves_at(std::uint64_t index) const;
  void hesitate_at(std::uint64_t index) const;
  Task wrong_call(Task task) const;
  hfreduceResult_t misbehave(const Lane& lane, const Task& task, std::uint64_t index);
  hfreduceResult_t skip_call(const Lane& lane);
  void fork_child(const Lane& lane);
  hfreduceResult_t destroy_with_work(const Lane& lane, std::uint64_t index);

  // aftermath.cc
  void report_error(hfreduceResult_t result, std::int64_t started_ns);
  void check_after_error(hfreduceResult_t result);
  void destroy_all();
  int recover();
  void expect(bool holds, const char* what);

  const Options& options_;
  int rank_;
  std::vector<Lane> lanes_;
  std::deque<Operation> pending_;
  std::vector<int> about_;  // the ranks that the error named
  std::uint64_t done_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t hash_ = 0;
  std::uint64_t wrong_ = 0;
  bool left_ = false;  // destroyed its communicator by itself: no error to report
  int broken_ = 0;     // expectations that did not hold
};

// Installs a handler for SIGALRM without SA_RESTART and sets a timer. signals_seen() counts.
void start_signals(int hertz);
std::uint64_t signals_seen();

}  // namespace exercise
