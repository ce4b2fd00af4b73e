// Which other libraries a measurement is to be compared with, and what starts each.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace hfreduce::perf {

enum class PeerKind { kOpenMpi, kMpich, kGloo, kExec };

// A setting that wins somewhere: each is measured, and the fastest of a size counts.
struct PeerSetting {
  std::string name;                    // empty: there is only one
  std::vector<std::string> arguments;  // for the launcher, or for the adapter where there is none
};

struct PeerSpec {
  PeerKind kind = PeerKind::kExec;
  std::string label;                 // of its column
  std::vector<std::string> program;  // with its arguments
  std::vector<std::string>
      launcher;  // starts all ranks of the program; empty: each is started alone
  std::vector<PeerSetting> settings;
};

// Where programs are: nothing when there is none by that name.
using FindProgram = std::function<std::string(const std::string& name)>;

// How crowded the hosts are.
struct PeerCrowd {
  int ranks = 1;  // that run on this machine
  int cores = 1;  // of it
  int hosts = 1;
};

// From `--compare mpi,gloo,exec:PROGRAM ...`: throws with a sentence, and exit status 2, what is
// unknown or not installed.
std::vector<PeerSpec> parse_compare(const std::vector<std::string>& wishes, const PeerCrowd& crowd,
                                    const FindProgram& find);

// Beside this program or in its libexec folder (adapters), or in PATH.
std::string find_program(const std::string& name);

}  // namespace hfreduce::perf
