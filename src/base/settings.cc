#include "base/settings.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <mutex>
#include <numeric>
#include <set>

#include "base/log.h"

extern "C" char** environ;

namespace hfreduce {
namespace {

constexpr std::string_view kPrefix = "HFREDUCE_";

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0u);
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t above = row[j + 1];
      row[j + 1] = std::min({above + 1, row[j] + 1, diagonal + (a[i] != b[j] ? 1 : 0)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

// What to do about a name that is none: the one that was probably meant, or where all are.
std::string advice_on(std::string_view name) {
  const auto rows = setting_rows();
  const auto nearest =
      std::min_element(rows.begin(), rows.end(), [&](const SettingRow& a, const SettingRow& b) {
        return edit_distance(name, a.name) < edit_distance(name, b.name);
      });
  // With more than half of its own letters wrong it is another word.
  const std::size_t letters = std::string_view(nearest->name).size() - kPrefix.size();
  if (edit_distance(name, nearest->name) * 2 <= letters)
    return fmt::format("did you mean {}?", nearest->name);
  return "`hfreduce-topo --settings` lists those that there are";
}

Status check_names(bool strict) {
  static std::mutex mutex;
  static std::set<std::string>* warned = new std::set<std::string>;
  for (const std::string& what : unknown_settings()) {
    if (strict) return Status(Code::kInvalidArgument, what + " (HFREDUCE_STRICT=1)");
    const std::lock_guard lock(mutex);
    if (warned->insert(what).second) HFR_LOG(kWarn, "settings", "{}", what);
  }
  return {};
}

struct Range {
  std::int64_t lowest, highest;
};

Status read_int(const char* name, Range range, std::int64_t& field) {
  const char* text = std::getenv(name);
  if (text == nullptr || *text == '\0') return {};
  const auto value = parse_size(text);
  if (!value.ok() || *value < range.lowest || *value > range.highest) {
    return Status(Code::kInvalidArgument, fmt::format("{}={}: must be a whole number from {} to {}",
                                                      name, text, range.lowest, range.highest));
  }
  field = *value;
  return {};
}

void read_text(const char* name, std::string& field) {
  if (const char* text = std::getenv(name)) field = text;
}

}  // namespace

Result<std::int64_t> parse_size(std::string_view text) {
  const std::string whole(text);
  int shift = 0;
  if (!text.empty()) {
    const std::size_t suffix = std::string_view("KMGkmg").find(text.back());
    if (suffix != std::string_view::npos) {
      shift = 10 * (1 + static_cast<int>(suffix % 3));
      text.remove_suffix(1);
    }
  }
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() ||
      value > (INT64_MAX >> shift) || value < (INT64_MIN >> shift)) {
    return Status(Code::kInvalidArgument,
                  fmt::format("'{}' is not a whole number, with or without K, M or G", whole));
  }
  return value * (std::int64_t{1} << shift);
}

std::vector<SettingRow> setting_rows() {
  return {
#define HFR_INT(field, name, value, lowest, highest, text) \
  {name, std::to_string(value), fmt::format("{} to {}", lowest, highest), text},
#define HFR_TEXT(field, name, value, text) {name, value, "", text},
#include "base/settings.inc"
#undef HFR_INT
#undef HFR_TEXT
  };
}

std::vector<SettingValue> setting_values() {
  Settings settings;
  std::vector<SettingValue> values;
  for (SettingRow& row : setting_rows()) {
    // An empty number is none; an empty text is a text.
    const char* text = std::getenv(row.name);
    const bool set = text != nullptr && (row.range.empty() || *text != '\0');
    values.push_back({std::move(row), {}, set, {}});
  }
  std::size_t at = 0;
  const auto store = [&](const Status& status, std::string value) {
    values[at].value = status.ok() ? std::move(value) : std::getenv(values[at].row.name);
    values[at++].problem = status.text();
  };
#define HFR_INT(field, name, value, lowest, highest, text)                   \
  {                                                                          \
    const Status status = read_int(name, {lowest, highest}, settings.field); \
    store(status, std::to_string(settings.field));                           \
  }
#define HFR_TEXT(field, name, value, text) \
  read_text(name, settings.field);         \
  store({}, settings.field);
#include "base/settings.inc"
#undef HFR_INT
#undef HFR_TEXT
  return values;
}

std::vector<std::string> unknown_settings() {
  const auto rows = setting_rows();
  std::vector<std::string> sentences;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::string name(text.substr(0, text.find('=')));
    if (!name.starts_with(kPrefix)) continue;
    if (std::any_of(rows.begin(), rows.end(), [&](const SettingRow& r) { return name == r.name; }))
      continue;
    sentences.push_back(fmt::format("unknown setting {}: {}", name, advice_on(name)));
  }
  return sentences;
}

Settings Settings::from_environment(Status& problem) {
  Settings settings;
  const auto note = [&](Status status) {
    if (problem.ok()) problem = std::move(status);
  };
#define HFR_INT(field, name, value, lowest, highest, text) \
  note(read_int(name, {lowest, highest}, settings.field));
#define HFR_TEXT(field, name, value, text) read_text(name, settings.field);
#include "base/settings.inc"
#undef HFR_INT
#undef HFR_TEXT
  note(check_names(settings.strict != 0));
  return settings;
}

Result<Settings> Settings::from_environment() {
  Status problem;
  Settings settings = from_environment(problem);
  HFR_TRY(std::move(problem));
  return settings;
}

}  // namespace hfreduce
