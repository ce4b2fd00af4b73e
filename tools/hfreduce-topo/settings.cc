#include "base/settings.h"

#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "commands.h"

namespace hfreduce::topo {
namespace {

using Json = nlohmann::ordered_json;

const char* origin_of(const SettingValue& it) {
  return it.from_environment ? "environment" : "default";
}

std::string shown(const std::string& value) { return value.empty() ? "(empty)" : value; }

void print_json(const std::vector<SettingValue>& values) {
  Json all = Json::array();
  for (const SettingValue& it : values)
    all.push_back({{"name", it.row.name},
                   {"value", it.value},
                   {"default", it.row.default_value},
                   {"range", it.row.range.empty() ? "any text" : it.row.range},
                   {"origin", origin_of(it)},
                   {"problem", it.problem.empty() ? Json(nullptr) : Json(it.problem)},
                   {"text", it.row.text}});
  const Json json{{"schema", "hfreduce-settings 1"},
                  {"settings", std::move(all)},
                  {"unknown", unknown_settings()}};
  fmt::print("{}\n", json.dump(1, ' ', false, Json::error_handler_t::replace));
}

void print_text(const std::vector<SettingValue>& values) {
  fmt::print("{:<25} {:<12} {:<11} {:<12} {:<17} {}\n", "setting", "value", "origin", "default",
             "range", "what it does");
  for (const SettingValue& it : values)
    fmt::print("{:<25} {:<12} {:<11} {:<12} {:<17} {}\n", it.row.name, shown(it.value),
               origin_of(it), shown(it.row.default_value),
               it.row.range.empty() ? "any text" : it.row.range, it.row.text);
}

}  // namespace

int show_settings(bool json) {
  const auto values = setting_values();
  json ? print_json(values) : print_text(values);
  std::string problems;
  for (const SettingValue& it : values)
    if (!it.problem.empty()) problems += (problems.empty() ? "" : "; ") + it.problem;
  for (const std::string& sentence : unknown_settings())
    fmt::print(stderr, "hfreduce-topo: {}\n", sentence);
  return problems.empty() ? 0 : bad_input(problems);
}

}  // namespace hfreduce::topo
