// What a process does once it knows which ranks it has.
#pragma once

#include <cstdint>

#include "arena.h"
#include "options.h"

namespace hfreduce::perf {

// The largest size of a run.
std::uint64_t buffer_bytes(const Options& options);

// Ranks first .. first+threads-1 of those who share `arena`, a thread each. Returns the exit
// status.
int run_local(const Options& options, const Arena& arena, int first, int threads);
// The rank that a launcher has given to this process.
int run_launched(const Options& options);

}  // namespace hfreduce::perf
