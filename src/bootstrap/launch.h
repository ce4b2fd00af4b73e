// What a launcher says in environment variables: who this rank is, and where rank 0 is. A pure
// function of the variables.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/settings.h"
#include "base/status.h"

namespace hfreduce::bootstrap {

// A variable's value, nullptr if it is not set: std::getenv, or a test's own.
using Environment = std::function<const char*(const char*)>;

struct Launch {
  enum class Hosts : std::uint8_t { kUnknown, kOne, kSeveral };
  std::string launcher;  // for people
  std::int32_t rank = 0;
  std::int32_t ranks = 1;
  std::string root;        // rank 0's host; empty: not told
  std::uint16_t port = 0;  // where rank 0 listens; 0: not told
  Hosts hosts = Hosts::kUnknown;
  std::string tag;  // tells this job from others on the same machines
};

// kInvalidUsage: no launcher is recognised. kInvalidArgument: one is, but what it says makes no
// sense.
Result<Launch> read_launch(const Environment& environment, const Settings& settings);

// Whether this process was started under PMIx, and torchrun is not in between.
bool under_pmix(const Environment& environment);

}  // namespace hfreduce::bootstrap
