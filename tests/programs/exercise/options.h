// What hfr-exercise was asked to do.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace exercise {

struct Options {
  // Joining.
  std::string join =
      "env";            // env; file (the id goes through `id_file`); mpi; all (hfreduceCommInitAll)
  std::string id_file;  // where rank 0 writes the id and the others read it
  int rank = 0;         // join file: this process's first rank
  int ranks = 1;        // join file, all: of how many
  int threads = 1;      // join file: this many ranks, a thread each
  int comms = 1;        // communicators, made one after the other, used in turn
  bool split = false;   // also work on halves: even and odd ranks, in reverse order
  int timeout_ms = 0;   // an operation's deadline; 0: the library's default
  int init_timeout_ms = 0;
  std::string out = ".";  // folder for the events, one file a process

  // The sequence.
  std::uint64_t seed = 1;
  int ops = 100;
  double seconds = 0;  // go on until this long has passed, `ops` at a time
  std::uint64_t min_bytes = 0;
  std::uint64_t max_bytes = 1 << 20;
  int only_collective = -1;  // 0 allreduce, 1 broadcast
  int only_type = -1;
  int only_op = -1;
  int requests_percent = 30;  // how many operations are started as requests
  int mapped_percent = 0;     // how many buffers peers can map
  std::string algorithm;
  int timer_hz = 0;  // a signal at this rate, without SA_RESTART
  int pause_us = 0;  // after each operation

  // Misbehaving: rank `who`, at operation `at`.
  std::string misbehave;
  int who = 0;
  int at = 0;
  double hold = 3;  // seconds, for the misbehaviours that wait

  // After an error: a new communicator among the survivors, its id through a file in this folder.
  std::string recover;
  std::vector<int> without;  // who is not a survivor; empty: whom the error named
};

// Exits with a message on standard error when the arguments make no sense.
Options parse_options(int argc, char** argv);

}  // namespace exercise
