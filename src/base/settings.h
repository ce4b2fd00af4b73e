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
  // The same of all that can be used, and what is wrong with the first that cannot.
  static Settings from_environment(Status& problem);
};

// The table, for documentation and tools.
struct SettingRow {
  const char* name;
  std::string default_value;
  std::string range;  // empty: any text
  const char* text;
};
std::vector<SettingRow> setting_rows();

// What each setting is now, and why.
struct SettingValue {
  SettingRow row;
  std::string value;
  bool from_environment = false;
  std::string problem;  // a sentence: the environment's value cannot be used
};
std::vector<SettingValue> setting_values();
// A sentence for each HFREDUCE_* variable that is no setting.
std::vector<std::string> unknown_settings();

// "64K" is 65536. Fails on anything but digits and one suffix K, M or G.
Result<std::int64_t> parse_size(std::string_view text);

}  // namespace hfreduce
