#include "base/file_size.h"

#include <fmt/core.h>
#include <sys/resource.h>

namespace hfreduce {

Status check_file_size(std::uint64_t bytes) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY ||
      bytes <= limit.rlim_cur) {
    return {};
  }
  return Status(
      Code::kOutOfMemory,
      fmt::format("{} bytes of shared memory are more than RLIMIT_FSIZE allows ({}); raise it "
                  "(ulimit -f)",
                  bytes, static_cast<std::uint64_t>(limit.rlim_cur)));
}

}  // namespace hfreduce
