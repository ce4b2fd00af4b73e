// Small mistakes, made on purpose: the verifier has to notice each.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "schedule/schedule.h"

namespace hfreduce::testing {

struct Mutant {
  std::string kind;  // "drop wait", "lag + 1", ...
  std::size_t lane = 0, step = 0;
  schedule::Schedule schedule;
};

// Every single mistake in one rank's schedule.
std::vector<Mutant> mutants(const schedule::Schedule& schedule);

}  // namespace hfreduce::testing
