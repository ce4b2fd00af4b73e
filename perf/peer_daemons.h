// Starting all ranks of an MPI on several hosts with no ssh between them: rank 0 has its launcher
// tell what it would run on each host, and the ranks that are there already run it.
#pragma once

#include <string>
#include <vector>

#include "descriptor.h"
#include "peer_spec.h"

namespace hfreduce::perf {

// What a host contributes.
struct PeerHost {
  std::string address;
  std::string range;     // its network
  int ranks = 0;         // of the job on this host
  std::string channels;  // of those
};

// The launcher's words on rank 0, without the adapter's.
std::vector<std::string> spread_launcher(const PeerSpec& spec, const std::vector<PeerHost>& hosts);

// What the launcher says: a command for each host by its number, an empty one where it needs none.
// `told` is the end of a pipe that holds lines. Complete once enough has been read.
struct DaemonCommands {
  bool complete = false;
  std::vector<std::string> of_host;
};
DaemonCommands daemon_commands(PeerKind kind, const std::string& told,
                               const std::vector<PeerHost>& hosts);

}  // namespace hfreduce::perf
