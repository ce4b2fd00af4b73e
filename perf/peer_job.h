// The processes of another library: one a rank, spoken to through pipes, none of which outlives
// this one.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "descriptor.h"
#include "peer_spec.h"

namespace hfreduce::perf {

class PeerJob {
 public:
  // Starts them; none is ready yet. `bind`: rank r to core r of `cores`, as our own ranks are.
  PeerJob(const PeerSpec& spec, const PeerSetting& setting, int ranks, std::vector<int> cores,
          bool bind);
  ~PeerJob();
  PeerJob(const PeerJob&) = delete;
  PeerJob& operator=(const PeerJob&) = delete;

  // Throws, with what to say of the library, what goes wrong or takes longer than `patience_s`.
  void wait_until_ready(double patience_s);
  // The same line to each process, and one line back from each.
  std::vector<std::string> ask(const std::string& line, double patience_s);

 private:
  struct Channel {
    Descriptor to, from;             // this process's ends
    Descriptor their_in, their_out;  // until they have them
    std::string pending;             // read, but not a whole line yet
  };
  struct Child {
    pid_t pid = -1;
    int rank = -1;  // -1: a launcher
  };

  void open_channels(int ranks);
  void start_alone(const PeerSpec& spec, const PeerSetting& setting);
  void start_launcher(const PeerSpec& spec, const PeerSetting& setting);
  void send(int rank, const std::string& line, std::int64_t deadline_ns);
  std::vector<std::string> receive(std::int64_t deadline_ns, double patience_s);
  bool read_some(int rank);
  [[noreturn]] void gone(int rank);
  void check_launcher();
  bool wait_for_ends(double seconds);
  void signal_all(int signal);
  std::vector<std::string> environment(int rank) const;
  std::string who(int rank) const;

  std::vector<int> cores_;
  bool bind_;
  Descriptor fence_;
  std::vector<Channel> channels_;
  std::vector<Child> children_;  // pid -1: has ended
};

}  // namespace hfreduce::perf
