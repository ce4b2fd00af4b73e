// What staging allows on this host: the same collective by hand, measured between the calls.
#pragma once

#include "probe_memory.h"
#include "staged.h"

namespace hfreduce::perf {

// In us, the fastest of several pieces and ways; as copy_us. 0: too many members.
double staged_us(Team& team, Staged& staged, const Traffic& traffic, int times);

}  // namespace hfreduce::perf
