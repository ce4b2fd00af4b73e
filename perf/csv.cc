#include "csv.h"

namespace hfreduce::perf {
namespace {

std::string cell(const Record& value) {
  if (value.is_null()) return "";
  if (!value.is_string()) return value.dump();
  const auto text = value.get<std::string>();
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    quoted += c;
    if (c == '"') quoted += c;
  }
  return quoted + "\"";
}

}  // namespace

std::string csv_text(const std::vector<Record>& records) {
  std::string text;
  for (const Record& record : records) {
    std::string names, cells;
    for (const auto& [name, value] : record.items()) {
      names += name + ",";
      cells += cell(value) + ",";
    }
    names.back() = '\n';
    cells.back() = '\n';
    if (text.empty()) text = names;
    text += cells;
  }
  return text;
}

}  // namespace hfreduce::perf
