#include "base/log.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <mutex>
#include <string>
#include <vector>

namespace hfreduce {
namespace {

constexpr const char* kLevelNames[] = {"error", "warn", "info", "trace"};

struct Filter {
  LogLevel level = LogLevel::kWarn;
  std::vector<std::string> parts;  // empty: all
};

// "info:tcp,join". An unknown level is read as info: somebody wanted to see more.
Filter parse_filter(std::string_view text) {
  Filter filter;
  if (text.empty()) return filter;
  const std::size_t colon = text.find(':');
  const std::string_view level = text.substr(0, colon);
  filter.level = LogLevel::kInfo;
  for (int i = 0; i < 4; ++i) {
    if (level == kLevelNames[i]) filter.level = static_cast<LogLevel>(i);
  }
  while (colon != std::string_view::npos && !text.empty()) {
    text.remove_prefix(std::min(text.size(), text.find_first_of(":,") == std::string_view::npos
                                                 ? text.size()
                                                 : text.find_first_of(":,") + 1));
    const std::string_view part = text.substr(0, text.find(','));
    if (!part.empty()) filter.parts.emplace_back(part);
    if (text.find(',') == std::string_view::npos) break;
  }
  return filter;
}

std::string expand_path(std::string_view pattern) {
  std::string path;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '%' || i + 1 == pattern.size()) {
      path += pattern[i];
      continue;
    }
    ++i;
    char host[256] = "";
    if (pattern[i] == 'h' && gethostname(host, sizeof host - 1) == 0) {
      path += host;
    } else if (pattern[i] == 'p') {
      path += std::to_string(getpid());
    } else {
      path += pattern[i];
    }
  }
  return path;
}

int open_destination() {
  const char* pattern = std::getenv("HFREDUCE_DEBUG_FILE");
  if (pattern == nullptr || *pattern == '\0') return STDERR_FILENO;
  const int fd =
      ::open(expand_path(pattern).c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  return fd >= 0 ? fd : STDERR_FILENO;
}

// A full disk or a standard error that nobody reads must not disturb the job: neither with an error
// nor with the signal that the kernel sends along.
void write_quietly(int fd, const std::string& line) {
  sigset_t deadly, before, pending;
  sigemptyset(&deadly);
  sigaddset(&deadly, SIGPIPE);
  sigaddset(&deadly, SIGXFSZ);
  sigpending(&pending);
  pthread_sigmask(SIG_BLOCK, &deadly, &before);
  const bool failed = ::write(fd, line.data(), line.size()) < 0;
  const int signal = failed && errno == EPIPE ? SIGPIPE : failed && errno == EFBIG ? SIGXFSZ : 0;
  if (signal != 0 && sigismember(&pending, signal) == 0) {
    sigset_t only;
    sigemptyset(&only);
    sigaddset(&only, signal);
    constexpr timespec kNow{};
    sigtimedwait(&only, nullptr, &kNow);
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

class Logger {
 public:
  static Logger& instance() {
    static Logger* logger = new Logger;  // outlives every thread that may still log
    return *logger;
  }

  bool enabled(LogLevel level, std::string_view part) const noexcept {
    if (level > filter_.level) return false;
    return filter_.parts.empty() || level <= LogLevel::kWarn ||
           std::find(filter_.parts.begin(), filter_.parts.end(), part) != filter_.parts.end();
  }

  void set_sink(LogSink sink) {
    const std::lock_guard lock(mutex_);
    sink_ = std::move(sink);
  }

  void write(LogLevel level, const char* part, const std::string& message) {
    const std::lock_guard lock(mutex_);
    if (sink_) {
      sink_(level, part, message.c_str());
      return;
    }
    timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    tm local;
    localtime_r(&now.tv_sec, &local);
    const std::string line =
        fmt::format("{:02}:{:02}:{:02}.{:03} hfreduce[{}] {} {}: {}\n", local.tm_hour, local.tm_min,
                    local.tm_sec, now.tv_nsec / 1'000'000, getpid(),
                    kLevelNames[static_cast<int>(level)], part, message);
    write_quietly(destination_, line);
  }

 private:
  Logger()
      : filter_(parse_filter(std::getenv("HFREDUCE_DEBUG") ? std::getenv("HFREDUCE_DEBUG") : "")),
        destination_(open_destination()) {}

  const Filter filter_;
  const int destination_;
  std::mutex mutex_;
  LogSink sink_;
};

}  // namespace

void set_log_sink(LogSink sink) { Logger::instance().set_sink(std::move(sink)); }

bool log_enabled(LogLevel level, std::string_view part) noexcept {
  return Logger::instance().enabled(level, part);
}

void log_line(LogLevel level, const char* part, const std::string& message) noexcept {
  try {
    Logger::instance().write(level, part, message);
  } catch (...) {  // out of memory while logging: the line is lost, the job goes on
  }
}

}  // namespace hfreduce
