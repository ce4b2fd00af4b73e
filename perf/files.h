// Files that results go to.
#pragma once

#include <string>

namespace hfreduce::perf {

// Throws with a sentence when any byte of it cannot be written; what a file held before is only
// replaced by the whole.
void write_file(const std::string& path, const std::string& text);
// Throws, with exit status kExitBadUsage, where write_file() could not begin: before hours of
// measuring have passed. `option`: what named the file. Leaves nothing behind.
void check_writable(const std::string& option, const std::string& path);

}  // namespace hfreduce::perf
