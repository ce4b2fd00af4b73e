// How this program gives up: with a sentence and an exit status.
#pragma once

#include <stdexcept>
#include <string>

namespace hfreduce::perf {

inline constexpr int kExitFailed = 1;    // something went wrong, or results were wrong
inline constexpr int kExitBadUsage = 2;  // the command line
inline constexpr int kExitSlower = 3;    // all well, but slower than the baseline

class Failure : public std::runtime_error {
 public:
  explicit Failure(const std::string& sentence, int exit_status = kExitFailed)
      : std::runtime_error(sentence), exit_status_(exit_status) {}
  int exit_status() const noexcept { return exit_status_; }

 private:
  int exit_status_;
};

// "what: strerror".
[[noreturn]] void fail_with_errno(const std::string& what);
// One line on standard error, in one write.
void complain(const std::string& sentence);

}  // namespace hfreduce::perf
