// The cases of a measurement, and what each rank does for one of them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "library.h"
#include "options.h"
#include "pattern.h"
#include "progress.h"
#include "report.h"
#include "seat.h"

namespace hfreduce::perf {

// How calls are timed.
enum class Timing {
  kFenced,      // one by one, from a barrier that is not timed; the slowest rank counts
  kBackToBack,  // many in a row: where ranks outnumber cores, or a barrier would blur a short call
};
Timing timing_of(const Seat& seat, std::uint64_t bytes);
// For the head of a report.
Facts facts_of(const Seat& seat, bool persistent);

struct Case {
  Pattern pattern;
  std::uint64_t bytes = 0;
  Placing place = Placing::kOut;
};
// In the order in which they are measured; the same on all ranks.
std::vector<Case> cases_of(const Options& options, int ranks);
// "allreduce of 8 KiB (float32 sum, out of place)".
std::string name_of(const Case& c);

Call call_of(const Case& c, Seat& seat, const std::string& algorithm);
// Puts into the buffers of this rank what it contributes. `salt`: another one, other contents.
void fill(const Case& c, Seat& seat, std::uint64_t salt);
// What is wrong with this rank's result.
Wrong look_at_output(const Case& c, Seat& seat, std::uint64_t salt);
// All ranks call it together: rank 0 names what is wrong, and all know how many elements are.
std::uint64_t tell_wrong(const Case& c, Seat& seat, const Wrong& mine, Progress& progress);

}  // namespace hfreduce::perf
