// What happened, as JSON lines in one file a process, written at once so that a killed process's
// are there.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace exercise {

// A key and its value, already in JSON.
struct Field {
  Field(std::string_view name, std::string_view text);
  Field(std::string_view name, const char* text) : Field(name, std::string_view(text)) {}
  Field(std::string_view name, const std::string& text) : Field(name, std::string_view(text)) {}
  Field(std::string_view name, std::int64_t value);
  Field(std::string_view name, std::uint64_t value);
  Field(std::string_view name, int value) : Field(name, std::int64_t{value}) {}
  Field(std::string_view name, bool value);
  Field(std::string_view name, double value);

  std::string key;
  std::string json;
};

// Nanoseconds of CLOCK_MONOTONIC, which all processes of a machine share.
std::int64_t now_ns();

// Processor time that this process has used so far.
std::int64_t cpu_ms();

// Opens <folder>/<process id>.jsonl. Once a process, before threads.
void open_events(const std::string& folder);
// {"event":..., "rank":..., "pid":..., "mono_ns":..., "unix_s":..., fields}. Thread-safe.
void emit(std::string_view event, int rank, std::initializer_list<Field> fields);

}  // namespace exercise
