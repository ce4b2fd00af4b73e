// Where measured plans are kept, and whose they are.
#pragma once

#include <string>
#include <string_view>

#include "planner/tuning.h"

namespace hfreduce::comm {

// "off" or an absolute path; empty: hfreduce/tuning in the user's cache directory, or nowhere
// (empty) where there is no home.
std::string tuning_path(std::string_view setting);

// Processor, number of processors, version of the library: what measurements hold for. Unknown
// parts are called so.
std::string machine_name();

// What the file says of this machine and shape. Empty where there is none; a file that is damaged
// or of another machine is ignored, with one line in the log a process. Reads the disk.
planner::Tuning read_tuning(const std::string& path, const planner::Shape& shape);

}  // namespace hfreduce::comm
