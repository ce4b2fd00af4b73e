// Slurm's way of writing lists of hosts.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace hfreduce::bootstrap {

// "n[01-03,7],m5" is n01, n02, n03, n7, m5; several brackets in one name multiply. kInvalidArgument
// for a list that is malformed, or has more than `most` hosts.
Result<std::vector<std::string>> expand_node_list(std::string_view list,
                                                  std::size_t most = 100'000);

}  // namespace hfreduce::bootstrap
