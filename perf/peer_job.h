// The processes of another library: one a rank, spoken to through pipes, none of which outlives
// this one.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "descriptor.h"
#include "peer_company.h"
#include "peer_daemons.h"
#include "peer_network.h"
#include "peer_pipes.h"
#include "peer_spec.h"

namespace hfreduce::perf {

// Which ranks of it this process has, and where those run.
struct PeerPlace {
  int first = 0, count = 1, ranks = 1;
  std::vector<int> cores;
  bool bind = false;                  // rank r to core r of `cores`, as our own ranks are
  std::uint64_t offset = 0;           // of their buffers
  std::string address = "127.0.0.1";  // by which ranks on other hosts reach this one
  // Only where each rank has its own:
  bool spread = false;
  int host = 0, hosts = 1;
  bool leads = true;       // is the first rank of its host
  bool pretended = false;  // another host is on the same machine
  PeerNetwork network;
  std::string no_network;  // why there is none
};

class PeerJob {
 public:
  PeerJob(const PeerSpec& spec, const PeerSetting& setting, const PeerPlace& place,
          PeerCompany& company);
  ~PeerJob();
  PeerJob(const PeerJob&) = delete;
  PeerJob& operator=(const PeerJob&) = delete;

  // Throws, with what to say of the library, what goes wrong or takes longer than `patience_s`.
  void start(double patience_s);
  void wait_until_ready(double patience_s);
  // The same line to each process, and one line back from each of all ranks.
  struct Answers {
    std::vector<std::string> lines;
    double elapsed_us = 0;
  };
  Answers ask(const std::string& line, double patience_s);

 private:
  struct Child {
    pid_t pid = -1;
    int rank = -1;  // -1: a launcher, or a daemon of one
  };

  void open_pipes();
  void start_alone();
  void start_launcher();
  void start_daemons(double patience_s);
  std::vector<PeerHost> swap_hosts();
  std::vector<std::string> ask_launcher(const std::vector<PeerHost>& hosts, double patience_s);
  void start_daemon(const std::string& command, const PeerHost& host);
  [[noreturn]] void gone(int rank);
  void check_launcher();
  bool wait_for_ends(double seconds);
  void signal_all(int signal);
  std::string channel(std::size_t at);
  std::vector<std::string> environment() const;

  PeerSpec spec_;
  PeerSetting setting_;
  PeerPlace place_;
  PeerCompany& company_;
  Descriptor fence_;
  std::string fence_path_;  // empty: there is none
  PeerPipes pipes_;
  Descriptor told_;              // what a launcher says
  std::vector<Child> children_;  // pid -1: has ended
};

}  // namespace hfreduce::perf
