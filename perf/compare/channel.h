// The adapter's end of the lines that docs/compare.md describes.
#pragma once

#include <string>
#include <vector>

namespace hfreduce::perf {

class Channel {
 public:
  // Standard input and output; what the library itself prints goes to standard error from then on.
  static Channel standard();
  // Of a process that a launcher has started, the local_rank-th of its host:
  // HFREDUCE_PERF_CHANNELS says where, and whose place it takes.
  static Channel of_host(int local_rank);

  // False at the end: time to leave.
  bool read(std::string& line);
  int rank() const { return rank_; }
  // That our own rank may run on; none: HFREDUCE_PERF_CORES says.
  const std::vector<int>& cores() const { return cores_; }
  void write(const std::string& line);

 private:
  Channel(int in, int out) : in_(in), out_(out) {}

  int rank_ = -1;
  std::vector<int> cores_;
  int in_, out_;  // open as long as the process lives
  std::string pending_;
};

// Everybody's word, in the order of ranks; in step with all others, before 'ready'.
std::vector<std::string> gather(Channel& channel, const std::string& word);

// A variable of the environment; throws when it is missing.
std::string given(const char* name);
int given_number(const char* name);

}  // namespace hfreduce::perf
