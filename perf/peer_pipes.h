// Lines to and from processes of another library, through a pair of pipes each.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "descriptor.h"

namespace hfreduce::perf {

class PeerPipes {
 public:
  // What to do where an end is closed or nothing comes: both throw if they know of a reason.
  struct Watch {
    std::function<void(int rank)> gone;
    std::function<void()> launcher;
  };
  // For ranks `first` to first + count - 1.
  PeerPipes(int first, int count, Watch watch);

  // Throws where there can be no pipes.
  void open();

  std::size_t size() const { return channels_.size(); }
  // The ends of the process itself, until it has them.
  struct Theirs {
    Descriptor in, out;
  };
  Theirs& theirs(std::size_t at) { return channels_[at].theirs; }
  // From then on the end of a process shows as the end of its pipe.
  void forget_their_ends();

  void send_all(const std::string& line, std::int64_t deadline_ns);
  // A line from each. Throws Late.
  std::vector<std::string> receive(std::int64_t deadline_ns, double patience_s);
  // Throws where one has said something.
  void expect_quiet();
  // Tells them to leave.
  void close() { channels_.clear(); }

 private:
  struct Channel {
    Descriptor to, from;  // this process's ends
    Theirs theirs;
    std::string pending;  // read, but not a whole line yet
  };

  void send(std::size_t at_channel, const std::string& line, std::int64_t deadline_ns);
  bool read_some(std::size_t at);
  std::string who(std::size_t at) const;

  int first_;
  Watch watch_;
  std::vector<Channel> channels_;
};

}  // namespace hfreduce::perf
