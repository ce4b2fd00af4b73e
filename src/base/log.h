// Log lines: a level, the part that speaks, one sentence. Never on standard output.
//
// HFREDUCE_DEBUG=warn|info|trace[:part,part...] chooses what is let through (warn when unset),
// HFREDUCE_DEBUG_FILE where it goes (%h: host name, %p: process id); the caller's own logger
// overrides both. A line is one write, so that the lines of several processes do not interleave.
#pragma once

#include <fmt/core.h>

#include <functional>
#include <string_view>

namespace hfreduce {

enum class LogLevel : int { kError = 0, kWarn = 1, kInfo = 2, kTrace = 3 };

using LogSink = std::function<void(LogLevel, const char* part, const char* message)>;

// An empty sink goes back to standard error or the file. Thread-safe.
void set_log_sink(LogSink sink);
// Whether a line of `part` at `level` would go anywhere. Cheap.
bool log_enabled(LogLevel level, std::string_view part) noexcept;
void log_line(LogLevel level, const char* part, const std::string& message) noexcept;

}  // namespace hfreduce

#define HFR_LOG(level, part, ...)                                                          \
  do {                                                                                     \
    if (::hfreduce::log_enabled(::hfreduce::LogLevel::level, part))                        \
      ::hfreduce::log_line(::hfreduce::LogLevel::level, part, ::fmt::format(__VA_ARGS__)); \
  } while (false)
