// Files that results go to.
#pragma once

#include <string>

namespace hfreduce::perf {

// Throws with a sentence when any byte of it cannot be written; what a file held before is only
// replaced by the whole.
void write_file(const std::string& path, const std::string& text);

}  // namespace hfreduce::perf
