// A look at a topology file before it is parsed: the faults that people meet, each with its own
// sentence.
#pragma once

#include <cstddef>
#include <string>

namespace hfreduce::topology {

constexpr std::size_t kMostXml = 64u << 20;

// Empty: nothing that can be seen from here. `version`: the newest major version that can be read.
std::string what_is_wrong(const std::string& text, unsigned version);

}  // namespace hfreduce::topology
