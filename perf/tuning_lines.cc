#include "tuning_lines.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "failure.h"

namespace hfreduce::perf {
namespace {

constexpr std::uint64_t kKiB = 1024;
constexpr const char* kHead = "hfreduce-tuning 1";
constexpr const char* kEnd = "end";

// As the library reads it.
bool is_line(const std::string& line) {
  std::istringstream words(line);
  std::string collective, algorithm, more;
  std::uint64_t bytes = 0, segment = 0, ns = 0;
  return (words >> collective >> bytes >> algorithm >> segment >> ns) && !(words >> more) &&
         (collective == "allreduce" || collective == "broadcast") && bytes > 0 && ns > 0;
}

// The sections of other shapes, if the file is whole and of this machine.
std::string others_of(const std::string& before, const TuningInfo& info) {
  std::istringstream text(before);
  std::string line, kept;
  if (!std::getline(text, line) || line != kHead) return "";
  if (!std::getline(text, line) || line != "machine " + info.machine) return "";
  bool other = false, whole = false;
  while (std::getline(text, line)) {
    whole = line == kEnd;
    const bool shape = line.starts_with("shape ");
    if (shape) other = line != "shape " + info.shape;
    if (!shape && !whole && !is_line(line)) return "";  // damaged: not to be handed on
    if (other && !whole) kept += line + "\n";
  }
  return whole ? kept : "";
}

}  // namespace

TuningInfo parse_tuning_info(const std::string& json) {
  TuningInfo info;
  try {
    const auto all = nlohmann::json::parse(json);
    info.file = all.at("file");
    info.machine = all.at("machine");
    info.shape = all.at("shape");
    for (const auto& it : all.at("ways")) {
      TuningInfo::Way way;
      way.collective =
          it.at("collective") == "allreduce" ? Collective::kAllReduce : Collective::kBroadcast;
      way.algorithm = it.at("algorithm");
      way.most_segment_bytes = it.at("most_segment_bytes");
      info.ways.push_back(std::move(way));
    }
  } catch (const nlohmann::json::exception& error) {
    throw Failure(
        fmt::format("what the library says of its plans is not understood: {}", error.what()));
  }
  return info;
}

std::string TunedWay::name() const {
  return segment_bytes == 0 ? algorithm : fmt::format("{}@{}K", algorithm, segment_bytes / kKiB);
}

std::vector<TunedWay> ways_for(const TuningInfo& info, Collective collective, std::uint64_t bytes) {
  std::vector<TunedWay> ways;
  for (const TuningInfo::Way& way : info.ways) {
    if (way.collective != collective) continue;
    ways.push_back({collective, bytes, way.algorithm, 0, 0});
    for (std::uint64_t segment = 32 * kKiB; segment <= way.most_segment_bytes; segment *= 2) {
      if (segment < bytes) ways.push_back({collective, bytes, way.algorithm, segment, 0});
    }
  }
  return ways;
}

std::string tuning_text(const TuningInfo& info, const std::vector<TunedWay>& ways,
                        const std::string& before) {
  std::string text = fmt::format("{}\nmachine {}\nshape {}\n", kHead, info.machine, info.shape);
  for (const TunedWay& way : ways) {
    text += fmt::format("{} {} {} {} {}\n", name_of(way.collective), way.bytes, way.algorithm,
                        way.segment_bytes, std::max(1LL, std::llround(way.us * 1000)));
  }
  return text + others_of(before, info) + kEnd + "\n";
}

std::string tuned_row(const std::vector<TunedWay>& ways) {
  const TunedWay& best = ways.front();
  std::string row = fmt::format(" {:>12}  {:<28} {:>10.2f}", best.bytes, best.name(), best.us);
  std::vector<std::string> named{best.algorithm};
  for (const TunedWay& way : ways) {
    if (std::find(named.begin(), named.end(), way.algorithm) != named.end()) continue;
    named.push_back(way.algorithm);
    row += fmt::format("   {} {:.2f} ({:.1f}x)", way.name(), way.us, way.us / best.us);
  }
  return row + "\n";
}

}  // namespace hfreduce::perf
