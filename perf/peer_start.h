// Starting a program with given ends of pipes; what happens between fork and exec is all here.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace hfreduce::perf {

struct Start {
  std::vector<std::string> words;        // the first is the program's path
  std::vector<std::string> environment;  // NAME=value, beside this process's own
  int in = -1;                           // its standard input; -1: nothing to read
  int out = -1;                          // its standard output; -1: this process's standard error
  std::vector<int> cores;                // that it may run on; none: those of this process
  bool afresh = false;                   // without what a launcher has told this process of itself
  bool gently = false;  // it has others to end: when this process dies it gets SIGTERM, and 5 s
};
// Throws when there can be no process. One that cannot be executed ends with status 127.
pid_t start_program(const Start& start);

// "exit status 3", "signal 9 (Killed)".
std::string end_of(int status);

}  // namespace hfreduce::perf
