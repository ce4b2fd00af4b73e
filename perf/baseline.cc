#include "baseline.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "failure.h"
#include "peer_columns.h"
#include "sizes.h"

namespace hfreduce::perf {
namespace {

using Json = nlohmann::json;

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
  throw Failure(fmt::format("--baseline {}: {}", path, why), kExitBadUsage);
}

std::string key_of(const std::string& collective, const std::string& type, const std::string& op,
                   std::int64_t root, std::int64_t ranks, std::int64_t hosts, std::int64_t bytes,
                   const std::string& place) {
  return fmt::format("{} {} {} {} {} {} {} {}", collective, type, op, root, ranks, hosts, bytes,
                     place);
}

std::string key_of(const Line& line) {
  return key_of(std::string(name_of(line.collective)), std::string(line.type->name),
                line.op != nullptr ? std::string(line.op->name) : "", std::max(line.root, 0),
                line.ranks, line.hosts, static_cast<std::int64_t>(line.bytes),
                std::string(name_of(line.place)));
}

// Of one result: what is missing or of another kind throws Json::exception.
std::string key_of(const Json& r) {
  const bool plain = r.at("op").is_null();
  // Files of before there were roots: 0.
  const bool rooted = r.contains("root") && !r.at("root").is_null();
  return key_of(r.at("collective").get<std::string>(), r.at("type").get<std::string>(),
                plain ? "" : r.at("op").get<std::string>(),
                rooted ? r.at("root").get<std::int64_t>() : 0, r.at("ranks").get<std::int64_t>(),
                r.at("hosts").get<std::int64_t>(), r.at("bytes").get<std::int64_t>(),
                r.at("place").get<std::string>());
}

// What all cases of a file share, and their times depend on.
std::map<std::string, Json> setup_of(const Options& options) {
  return {{"memory", options.mapped ? "mapped" : "ordinary"},
          {"offset", options.offset},
          {"persistent", options.persistent}};
}

double number_or(const Json& r, const char* name, double otherwise) {
  return r.contains(name) && !r.at(name).is_null() ? r.at(name).get<double>() : otherwise;
}

std::string case_of(const Line& line) {
  return fmt::format("{} of {} ({}{}{}, {})", name_of(line.collective), show_size(line.bytes),
                     line.type->name, line.op != nullptr ? " " : "",
                     line.op != nullptr ? line.op->name : "", name_of(line.place));
}

double change_of(const Line& line) { return 100 * (line.time.median / line.against.was_us - 1); }

// Slower by more than the noise: `now` and `was` are of the same case.
bool slower(const Spread& now, double now_limit, const Spread& was, double was_limit,
            double tolerance) {
  const double low = now.high > 0 ? now.low : now.median;
  const double high = was.high > 0 ? was.high : was.median;
  if (low <= high * (1 + tolerance)) return false;
  if (now_limit <= 0 || was_limit <= 0) return true;
  return now.median / now_limit > was.median / was_limit * (1 + tolerance);
}

}  // namespace

Baseline Baseline::read(const Options& options) {
  const std::string& path = options.baseline;
  std::ifstream file(path);
  if (!file) refuse(path, std::strerror(errno));
  std::ostringstream text;
  text << file.rdbuf();
  if (file.bad() || text.str().empty()) refuse(path, "nothing can be read from it");
  Baseline baseline = parse(path, text.str());
  for (const auto& [name, value] : setup_of(options)) {
    const auto then = baseline.setup_.find(name);
    if (then != baseline.setup_.end() && then->second != value.dump())
      refuse(path, fmt::format("was measured with {} {}, this run is with {}", name, then->second,
                               value.dump()));
  }
  return baseline;
}

Baseline Baseline::parse(const std::string& path, const std::string& text) {
  const Json all = Json::parse(text, nullptr, false);
  if (all.is_discarded()) refuse(path, "is no JSON, or not all of it");
  if (!all.is_object() || !all.contains("schema") || !all.contains("results") ||
      !all["results"].is_array()) {
    refuse(path, "is no file that hfreduce-perf --json wrote");
  }
  if (all["schema"] != 1) refuse(path, fmt::format("has schema {}, not 1", all["schema"].dump()));
  Baseline baseline;
  if (const auto config = all.find("config"); config != all.end() && config->is_object()) {
    for (const auto& [name, value] : setup_of({}))
      if (config->contains(name)) baseline.setup_[name] = config->at(name).dump();
  }
  for (const Json& result : all["results"]) {
    try {
      if (result.at("library").get<std::string>() != "hfreduce") continue;
      Then then;
      then.time.median = result.at("median_us").get<double>();
      then.time.low = number_or(result, "median_low_us", then.time.median);
      then.time.high = number_or(result, "median_high_us", then.time.median);
      then.limit_us = number_or(result, "limit_us", 0);
      const bool sound = then.time.median > 0 && then.time.high >= then.time.low &&
                         std::isfinite(then.time.high) && then.limit_us >= 0;
      if (sound) baseline.cases_.emplace(key_of(result), then);
      if (!sound && then.time.median != 0) refuse(path, "has results with times that are no times");
    } catch (const Json::exception&) {
      refuse(path, "has results that lack fields, or with fields of another kind");
    }
  }
  if (baseline.cases_.empty()) refuse(path, "has no results of hfreduce");
  return baseline;
}

Against Baseline::judge(const Line& line, double tolerance) const {
  const auto found = cases_.find(key_of(line));
  if (found == cases_.end() || !(line.time.median > 0)) return {Against::Verdict::kUnknown, 0};
  const Then& then = found->second;
  Against against{Against::Verdict::kSame, then.time.median};
  if (slower(line.time, line.limit_us, then.time, then.limit_us, tolerance)) {
    against.verdict = Against::Verdict::kSlower;
  } else if (slower(then.time, then.limit_us, line.time, line.limit_us, tolerance)) {
    against.verdict = Against::Verdict::kFaster;
  }
  return against;
}

std::string against_title(const Line& line) {
  return line.against.verdict == Against::Verdict::kNone
             ? ""
             : fmt::format(" {:>10} {:>8}", "was", "change");
}

std::string against_unit(const Line& line) {
  return line.against.verdict == Against::Verdict::kNone ? ""
                                                         : fmt::format(" {:>10} {:>8}", "(us)", "");
}

std::string against_cell(const Line& line) {
  const Against& against = line.against;
  if (against.verdict == Against::Verdict::kNone) return "";
  if (against.verdict == Against::Verdict::kUnknown) return fmt::format(" {:>10} {:>8}", "-", "-");
  const char* mark = against.verdict == Against::Verdict::kSlower ? "!" : "";
  return fmt::format(" {:>10} {:>8}", figure(against.was_us),
                     fmt::format("{:+.0f}%{}", change_of(line), mark));
}

std::string against_summary(const std::string& path, const std::vector<Line>& lines) {
  if (lines.empty() || lines[0].against.verdict == Against::Verdict::kNone) return "";
  int known = 0, faster = 0, slower_ones = 0;
  std::string each;
  for (const Line& line : lines) {
    known += line.against.verdict != Against::Verdict::kUnknown;
    faster += line.against.verdict == Against::Verdict::kFaster;
    if (line.against.verdict != Against::Verdict::kSlower) continue;
    ++slower_ones;
    each += fmt::format("# SLOWER: {}: {} us, was {} us ({:+.0f} %)\n", case_of(line),
                        figure(line.time.median), figure(line.against.was_us), change_of(line));
  }
  return fmt::format(
      "{}# Against {}: {} of {} cases are in it; {} slower and {} faster beyond noise\n", each,
      path, known, lines.size(), slower_ones, faster);
}

}  // namespace hfreduce::perf
