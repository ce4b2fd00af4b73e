#include "events.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace exercise {
namespace {

int events_fd = -1;

double unix_seconds() {
  timespec time{};
  clock_gettime(CLOCK_REALTIME, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

std::string quoted(std::string_view text) {
  std::string json = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') json += '\\';
    if (static_cast<unsigned char>(c) < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", c);
      json += escape;
    } else {
      json += c;
    }
  }
  return json + '"';
}

}  // namespace

Field::Field(std::string_view name, std::string_view text) : key(name), json(quoted(text)) {}
Field::Field(std::string_view name, std::int64_t value) : key(name), json(std::to_string(value)) {}
Field::Field(std::string_view name, std::uint64_t value) : key(name), json(std::to_string(value)) {}
Field::Field(std::string_view name, bool value) : key(name), json(value ? "true" : "false") {}
Field::Field(std::string_view name, double value) : key(name) {
  char text[40];
  std::snprintf(text, sizeof text, "%.6f", value);
  json = text;
}

std::int64_t now_ns() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

std::int64_t cpu_ms() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  return (std::int64_t{used.ru_utime.tv_sec} + used.ru_stime.tv_sec) * 1000 +
         (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1000;
}

void open_events(const std::string& folder) {
  const std::string path = folder + "/" + std::to_string(getpid()) + ".jsonl";
  events_fd = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (events_fd < 0) {
    std::perror(path.c_str());
    std::exit(2);
  }
}

void emit(std::string_view event, int rank, std::initializer_list<Field> fields) {
  std::string line = "{";
  const auto append = [&](const Field& field) {
    if (line.size() > 1) line += ',';
    line += quoted(field.key);
    line += ':';
    line += field.json;
  };
  append({"event", event});
  append({"rank", rank});
  append({"pid", static_cast<int>(getpid())});
  append({"mono_ns", now_ns()});
  append({"unix_s", unix_seconds()});
  for (const Field& field : fields) append(field);
  line += "}\n";
  // One write in append mode: lines of several threads do not mix.
  if (write(events_fd, line.data(), line.size()) < 0) std::perror("hfr-exercise: events");
}

}  // namespace exercise
