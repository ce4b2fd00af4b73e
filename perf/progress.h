// One line on standard error that says what is being measured, where that is a terminal.
#pragma once

#include <cstdint>
#include <string>

namespace hfreduce::perf {

class Progress {
 public:
  // Silent unless `wanted` and standard error is a terminal.
  explicit Progress(bool wanted);
  // Shows `text` at most ten times a second.
  void show(const std::string& text);
  // Takes the line away, before anything else is printed.
  void clear();

 private:
  bool on_ = false;
  bool shown_ = false;
  std::int64_t last_ns_ = 0;
};

}  // namespace hfreduce::perf
