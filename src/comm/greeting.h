// What each rank tells all others when it joins: what it is, what rank 0 wants, or why it cannot
// take part.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/settings.h"
#include "base/status.h"
#include "comm/whereabouts.h"

namespace hfreduce::comm {

struct Greeting {
  std::string version;  // of the library: schedules and windows are laid out by its rules
  std::string refusal;  // why this rank cannot take part; empty: it can
  std::string algorithm;
  std::int64_t segment = 0, leaders = 0, sockets = 1, checksum = 1;
  Whereabouts here;  // not set by from()

  static Greeting from(const Settings& settings, const Status& refusal);
  std::string pack() const;
  static Result<Greeting> unpack(std::string_view text);
};

}  // namespace hfreduce::comm
