#include "failure.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace hfreduce::perf {

void fail_with_errno(const std::string& what) {
  throw Failure(fmt::format("{}: {}", what, std::strerror(errno)));
}

void complain(const std::string& sentence) {
  const std::string line = fmt::format("hfreduce-perf: {}\n", sentence);
  // Standard error is the last resort: there is nobody to tell when it fails.
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace hfreduce::perf
