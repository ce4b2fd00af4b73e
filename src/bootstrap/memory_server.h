// Hands descriptors of this process's shared memory to processes of the same user on this host that
// know its number. On the control thread, so that a rank deep in its own work need not be asked.
#pragma once

#include <cstdint>
#include <functional>

#include "base/fd.h"
#include "base/status.h"

namespace hfreduce::bootstrap {

// Starts to serve, the first time; `find` gives a descriptor of its own for a number, invalid if
// there is no such. Returns by what others find this process, never 0. Thread-safe.
Result<std::uint64_t> serve_memory(const std::function<UniqueFd(std::uint64_t number)>& find);

// Asks another process (or this one) for number `number`.
class MemoryRequest {
 public:
  MemoryRequest(std::uint64_t server, std::uint64_t number);
  // Invalid: not yet. kSystemError: nobody serves there, or no such number. Does not block.
  Result<UniqueFd> poll();

 private:
  std::uint64_t number_;
  UniqueFd socket_;
};

}  // namespace hfreduce::bootstrap
