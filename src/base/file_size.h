// How long a file may become, asked before it does: past RLIMIT_FSIZE the kernel does not refuse,
// it sends a signal. Memory objects count too.
#pragma once

#include <cstdint>

#include "base/status.h"

namespace hfreduce {

// kOutOfMemory with the numbers when shared memory of `bytes` would be longer than that.
Status check_file_size(std::uint64_t bytes);

}  // namespace hfreduce
