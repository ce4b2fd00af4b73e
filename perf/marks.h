// What the machine is like at a moment, and what it takes away from this thread.
#pragma once

#include "options.h"
#include "rounds.h"
#include "seat.h"

namespace hfreduce::perf {

// All ranks call it together, and all get the same. Nothing is known with --limits 0.
Mark mark_of(Seat& seat, const Options& options);

// Times that others have taken the core of this thread away.
double preemptions();

}  // namespace hfreduce::perf
