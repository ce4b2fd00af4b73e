#include "progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include "clock.h"

namespace hfreduce::perf {
namespace {

void put(const std::string& text) {
  // Only decoration: nothing depends on it.
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, text.data(), text.size());
}

}  // namespace

Progress::Progress(bool wanted) : on_(wanted && isatty(STDERR_FILENO) == 1) {}

void Progress::show(const std::string& text) {
  if (!on_) return;
  const std::int64_t now = now_ns();
  if (now - last_ns_ < 100'000'000) return;
  last_ns_ = now;
  shown_ = true;
  put(fmt::format("\r\033[K{}", text));
}

void Progress::clear() {
  if (shown_) put("\r\033[K");
  shown_ = false;
}

}  // namespace hfreduce::perf
