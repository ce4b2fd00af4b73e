// How much memory there is to be had, asked before it is taken: past that point the kernel does not
// refuse, it kills.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/status.h"

namespace hfreduce::memory {

struct MemoryLimit {
  std::uint64_t bytes = 0;  // still to be had
  std::string_view by;      // who says so, for texts
};

// The smallest of what the machine has available and what the control group lets this process have.
// What cannot be read does not count.
MemoryLimit memory_left();

// kOutOfMemory with the numbers when `bytes` more cannot be had, or are more than RLIMIT_FSIZE
// (which counts for memory objects too, and is enforced by a signal).
Status check_memory_left(std::uint64_t bytes);

// The number after `key` in a text of lines such as "MemAvailable:  123 kB" or, with an empty key,
// of the text's first word. Nothing there, or "max": `otherwise`. Pure.
std::uint64_t number_after(std::string_view text, std::string_view key, std::uint64_t otherwise);

}  // namespace hfreduce::memory
