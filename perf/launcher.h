// Starts the local processes of a measurement and sees them out.
#pragma once

#include "options.h"

namespace hfreduce::perf {

// Runs this program again in `processes` processes that share memory. Returns the exit status: that
// of the first one that fails, or 0. None outlives this process, however it ends.
int run_processes(const Options& options, int processes, char** argv);

}  // namespace hfreduce::perf
