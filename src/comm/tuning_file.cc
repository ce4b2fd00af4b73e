#include "comm/tuning_file.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include "base/log.h"
#include "hfreduce.h"

namespace hfreduce::comm {
namespace {

constexpr std::streamsize kMostBytes = 8 << 20;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

std::string processor() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (!line.starts_with("model name") && !line.starts_with("CPU part")) continue;
    const std::size_t colon = line.find(": ");
    if (colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown processor";
}

// nullopt: there is no such file.
std::optional<std::string> contents(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) return std::nullopt;  // a pipe would block
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  std::string text(static_cast<std::size_t>(kMostBytes), '\0');
  file.read(text.data(), kMostBytes);
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

void say_once(const std::string& path, const std::string& why) {
  static std::atomic<bool> said{false};
  if (said.exchange(true)) return;
  HFR_LOG(kWarn, "plan",
          "measured plans in {} are ignored: {} (`hfreduce-perf tune` measures anew)", path, why);
}

}  // namespace

std::string tuning_path(std::string_view setting) {
  if (setting == "off") return "";
  if (!setting.empty()) return std::string(setting);
  const std::string cache = variable("XDG_CACHE_HOME"), home = variable("HOME");
  if (cache.starts_with('/')) return cache + "/hfreduce/tuning";
  if (home.starts_with('/')) return home + "/.cache/hfreduce/tuning";
  return "";
}

std::string machine_name() {
  return fmt::format("{}, {} processors, hfreduce {}", processor(),
                     std::max(1L, sysconf(_SC_NPROCESSORS_ONLN)), HFREDUCE_VERSION_CODE);
}

planner::Tuning read_tuning(const std::string& path, const planner::Shape& shape) {
  if (path.empty()) return {};
  const auto text = contents(path);
  std::error_code error;
  if (!text && std::filesystem::exists(path, error))
    say_once(path, "it is no file that can be read");
  if (!text) return {};
  auto file = planner::TuningFile::parse(*text);
  if (!file.ok()) {
    say_once(path, file.status().text());
    return {};
  }
  if (const std::string here = machine_name(); file->machine != here) {
    say_once(path, fmt::format("they are of another machine or version ({}; this is {})",
                               file->machine.substr(0, 100), here));
    return {};
  }
  const auto found = file->shapes.find(shape);
  return found != file->shapes.end() ? std::move(found->second) : planner::Tuning();
}

}  // namespace hfreduce::comm
