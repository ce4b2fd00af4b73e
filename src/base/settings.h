// What the environment asks for. Few settings, declared in one table (settings.inc).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"

namespace hfreduce {

struct Settings {
#define HFR_INT(field, name, value, lowest, highest, text) std::int64_t field = value;
#define HFR_TEXT(field, name, value, text) std::string field = value;
#include "base/settings.inc"
#undef HFR_INT
#undef HFR_TEXT

  // Reads every HFREDUCE_* variable. A value that does not parse or is out of range is an error; an
  // unknown name is logged once with the nearest known one (an error under HFREDUCE_STRICT=1).
  static Result<Settings> from_environment();
};

// The table, for documentation and tools.
struct SettingRow {
  const char* name;
  std::string default_value;
  std::string range;  // empty: any text
  const char* text;
};
std::vector<SettingRow> setting_rows();

// "64K" is 65536. Fails on anything but digits and one suffix K, M or G.
Result<std::int64_t> parse_size(std::string_view text);

}  // namespace hfreduce
