// The command line.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kinds.h"
#include "sizes.h"

namespace hfreduce::perf {

struct Options {
  std::vector<Collective> collectives;
  bool overlap = false;  // a computation beside each call
  bool tune = false;     // every way in which each call can be done
  Sweep sweep;
  int iterations = 0;  // 0: by size, and more rounds until the median is known well enough
  double tight = 3;    // percent by which it may still be wrong; 0: four rounds whatever it is
  double cap = 1;      // seconds after which a case has no further round
  int warm_up = 0;     // 0: by size
  int checks = 1;
  std::vector<const TypeInfo*> types;
  std::vector<const OpInfo*> ops;
  int root = 0;  // -1: each rank in turn
  std::vector<Placing> places;
  std::string algorithm;             // empty: the library chooses
  std::string json;                  // empty: none
  std::string csv, plot;             // files; empty: none
  std::string baseline;              // an earlier --json; empty: none
  double tolerance = 10;             // percent that runs may differ by
  std::vector<std::string> compare;  // other libraries, as written
  double patience = 30;              // seconds that one of them has for an answer
  int ranks = 0;                     // local processes; 0: not asked for
  int threads = 0;                   // ranks as threads, of each process; 0: not asked for
  int bind = 1;                      // 0: no
  bool mapped = false;               // buffers that peers can map
  std::uint64_t offset = 0;          // bytes behind a page at which buffers begin
  bool persistent = false;           // each case planned once, then started over and over
  int limits = 1;                    // 0: no
  // Only in a process that the launcher started: the descriptor of the shared memory, and which
  // process this is.
  int worker_fd = -1;
  int worker_index = 0;
};

// How parsing ended when there is nothing to run.
struct Early {
  bool leave = false;
  int exit_status = 0;
  std::string out;  // --help, --version
  std::string sentence;
};

// Never exits, never prints. When early.leave is set the options are not to be used.
Options parse_options(int argc, const char* const* argv, Early& early);

// How many calls are timed and made beforehand, for a size: from the options or, unless they say,
// enough for a steady median in a fraction of a second. The same on all ranks.
int timed_calls(const Options& options, std::uint64_t bytes);
int warm_up_calls(const Options& options, std::uint64_t bytes);

}  // namespace hfreduce::perf
