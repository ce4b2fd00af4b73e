// Structs that a caller filled, checked and with the environment behind them.
#pragma once

#include <cstring>
#include <string>

#include "base/status.h"
#include "comm/options.h"
#include "hfreduce.h"

namespace hfreduce::api {

// Copies as much of a caller's struct as the caller's version of it has; the rest keeps its
// default. Fails for one that was not set up by its initializer macro.
template <typename T>
Status read_struct(const T* from, const char* initializer, T& to) {
  if (from == nullptr) return {};
  if (from->magic != HFREDUCE_MAGIC || from->size < offsetof(T, version) + sizeof from->version) {
    return Status(Code::kInvalidArgument,
                  std::string("the struct was not initialised with ") + initializer);
  }
  std::memcpy(&to, from, from->size < sizeof to ? from->size : sizeof to);
  return {};
}

// A rank whose environment or device does not fit still gets options: they say so in `refusal`, and
// the rank tells the others at joining. Fails for a config that is no config.
Result<comm::CommOptions> make_options(const hfreduceConfig_t* config);
// For a communicator made from another: NULL inherits.
Result<comm::CommOptions> make_options(const hfreduceConfig_t* config,
                                       const comm::CommOptions& parent);

}  // namespace hfreduce::api
