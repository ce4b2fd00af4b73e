#include "report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "baseline.h"
#include "peer_columns.h"

namespace hfreduce::perf {
namespace {

using Json = nlohmann::ordered_json;

template <typename Infos>
Json names(const Infos& infos) {
  Json list = Json::array();
  for (const auto* info : infos) list.push_back(info->name);
  return list;
}

}  // namespace

std::string run_head(const Facts& facts) {
  return fmt::format(
      "# hfreduce {}: {} rank{} on {} host{} (at most {} on one, {} core{} here)\n# timing: {}\n",
      facts.library_version, facts.ranks, facts.ranks == 1 ? "" : "s", facts.hosts,
      facts.hosts == 1 ? "" : "s", facts.most_ranks_a_host, facts.cores,
      facts.cores == 1 ? "" : "s", facts.timing);
}

std::string table_head(const Line& line) {
  return fmt::format(
      "# {:>11} {:>12} {:>9} {:>5} {:>5} {:>5} {:>10} {:>10} {:>10} {:>8} {:>8} {:>7} {:>7} "
      "{:>10} {:>8} {:>10}{}  {:<20}  {}\n"
      "# {:>11} {:>12} {:>9} {:>5} {:>5} {:>5} {:>10} {:>10} {:>10} {:>8} {:>8} {:>7} {:>7} "
      "{:>10} {:>8} {:>10}{}\n",
      "size", "count", "type", "op", "root", "place", "time", "p99", "min", "algbw", "busbw",
      "#wrong", "% limit", "limit", "% staged", "staged", peer_titles(line) + against_title(line),
      "limit by", "algorithm", "(B)", "(elements)", "", "", "", "", "(us)", "(us)", "(us)",
      "(GB/s)", "(GB/s)", "", "", "(us)", "", "(us)", peer_units(line) + against_unit(line));
}

std::string table_row(const Line& line) {
  const bool limited = line.limit_us > 0, staged = line.staged_us > 0;
  return fmt::format(
      "  {:>11} {:>12} {:>9} {:>5} {:>5} {:>5} {:>10} {:>10} {:>10} {:>8} {:>8} {:>7} {:>7} "
      "{:>10} {:>8} {:>10}{}  {:<20}  {}\n",
      line.bytes, line.bytes / line.type->size, line.type->name,
      line.op != nullptr ? line.op->name : "none",
      line.root >= 0 ? fmt::format("{}", line.root) : "-1", name_of(line.place),
      figure(line.time.median), figure(line.time.p99), figure(line.time.min), figure(line.algbw()),
      figure(line.busbw()), line.checked ? fmt::format("{}", line.wrong) : "N/A",
      limited ? fmt::format("{:.0f} %", line.percent_of_limit()) : "-",
      limited ? figure(line.limit_us) : "-",
      staged ? fmt::format("{:.0f} %", line.percent_of_staged()) : "-",
      staged ? figure(line.staged_us) : "-", peer_cells(line) + against_cell(line),
      limited ? line.limit_by : "-", line.algorithm);
}

std::string table_foot(const std::vector<Line>& lines, const std::string& baseline) {
  double bandwidth = 0;
  std::uint64_t wrong = 0;
  bool checked = true;
  for (const Line& line : lines) {
    bandwidth += line.busbw();
    wrong += line.wrong;
    checked = checked && line.checked;
  }
  const char* verdict = !checked ? "not checked" : wrong == 0 ? "OK" : "FAILED";
  return fmt::format("# Wrong elements    : {} {}\n# Avg bus bandwidth : {:.4g} GB/s\n{}", wrong,
                     verdict, lines.empty() ? 0 : bandwidth / static_cast<double>(lines.size()),
                     peer_summary(lines) + against_summary(baseline, lines));
}

std::string json_text(const Options& options, const Facts& facts,
                      const std::vector<Json>& records) {
  Json config;
  config["library_version"] = facts.library_version;
  config["mode"] = options.overlap ? "overlap" : "calls";
  config["ranks"] = facts.ranks;
  config["hosts"] = facts.hosts;
  config["most_ranks_a_host"] = facts.most_ranks_a_host;
  config["cores"] = facts.cores;
  config["memory"] = options.mapped ? "mapped" : "ordinary";
  config["offset"] = options.offset;
  config["persistent"] = options.persistent;
  config["timing"] = facts.timing;
  config["min_bytes"] = options.sweep.first;
  config["max_bytes"] = options.sweep.last;
  config["step_factor"] = options.sweep.factor;
  config["step_bytes"] = options.sweep.step;
  config["iterations"] = options.iterations;
  config["warm_up"] = options.warm_up;
  config["checks"] = options.checks;
  config["types"] = names(options.types);
  config["ops"] = names(options.ops);
  config["root"] = options.root;
  config["forced_algorithm"] = options.algorithm;
  Json results = Json::array();
  for (const Json& record : records) results.push_back(record);
  Json all;
  all["schema"] = 1;
  all["config"] = config;
  all["results"] = results;
  // Names of programs may be anything.
  return all.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace hfreduce::perf
