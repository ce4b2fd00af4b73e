#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>

#include "algorithms/proof.h"
#include "commands.h"
#include "hfreduce.h"
#include "topology/probe.h"

namespace hfreduce::topo {

int bad_input(const std::string& sentence) {
  fmt::print(stderr, "hfreduce-topo: {}\n", sentence);
  return kBadInput;
}

namespace {

Result<std::optional<Plan>> plan_for(const Options& options) {
  if (options.ranks == 0) return std::optional<Plan>();
  const auto wrong = [](std::string sentence) {
    return Status(Code::kInvalidArgument, std::move(sentence));
  };
  if (options.ranks < 1 || options.ranks > kMostRanks)
    return wrong(fmt::format("--ranks {} must lie within 1 and {}", options.ranks, kMostRanks));
  if (options.hosts < 1 || options.hosts > options.ranks)
    return wrong(fmt::format("--hosts {} must lie within 1 and the number of ranks, {}",
                             options.hosts, options.ranks));
  const auto bytes = parse_size(options.bytes);
  if (!bytes.ok() || *bytes < 1)
    return wrong("--bytes " + options.bytes + " is not a size like 64M");
  HFR_ASSIGN(const Settings settings, Settings::from_environment());
  algorithms::GroupSizes groups;
  if (!options.groups.empty()) {
    HFR_ASSIGN(groups, algorithms::parse_groups(options.groups));
  }
  const auto setting = algorithms::evenly(options.ranks, options.hosts, 1, groups);
  HFR_ASSIGN(Plan plan, make_plan(setting.placement, static_cast<std::uint64_t>(*bytes), settings));
  return std::optional<Plan>(std::move(plan));
}

int show(const Options& options) {
  Findings findings;
  auto plan = plan_for(options);
  if (!plan.ok()) return bad_input(plan.status().text());
  findings.plan = std::move(*plan);
  if (options.xml.empty()) {
    findings.facts = topology::probe_this_machine();
    if (findings.facts.this_machine) findings.limits = topology::read_limits();
  } else {
    auto facts = read_topology(options.xml);
    if (!facts.ok()) return bad_input(facts.status().text());
    findings.facts = std::move(*facts);
  }
  if (!options.svg.empty()) {
    if (const Status status = write_file(options.svg, svg_text(findings)); !status.ok()) {
      fmt::print(stderr, "hfreduce-topo: {}\n", status.text());
      return kFailed;
    }
  }
  if (options.json)
    fmt::print("{}", json_text(findings));
  else
    fmt::print("{}{}", machine_text(findings), findings.plan ? plan_text(*findings.plan) : "");
  return 0;
}

int run(int argc, char** argv) {
  Options options;
  CLI::App app(
      "Shows this machine (or one in a file) as hfreduce sees it: packages, NUMA nodes, caches, "
      "GPUs, "
      "networks, how far they are apart, and what this process may use of it.",
      "hfreduce-topo");
  app.set_version_flag("--version", fmt::format("hfreduce-topo {}.{}.{}", HFREDUCE_MAJOR,
                                                HFREDUCE_MINOR, HFREDUCE_PATCH));
  app.add_flag("--json", options.json, "Print JSON");
  auto* svg = app.add_option("--svg", options.svg, "Draw a picture into this file, too");
  auto* xml = app.add_option("--xml", options.xml,
                             "Show the machine in this file, from 'lstopo --of xml FILE'");
  auto* ranks = app.add_option("--ranks", options.ranks,
                               "Show the rings and trees that so many ranks would use");
  app.add_option("--hosts", options.hosts, "Spread them over this many hosts")->needs(ranks);
  app.add_option(
         "--groups", options.groups,
         "Sizes of their groups (caches, packages) on each host, in turns: 4,2; levels: 8/4")
      ->needs(ranks);
  app.add_option("--bytes", options.bytes, "Of a call of theirs; 64M unless given")->needs(ranks);
  app.add_flag("--settings", options.settings,
               "Instead list every setting: value, where it comes from, default, range")
      ->excludes(xml)
      ->excludes(svg)
      ->excludes(ranks);
  try {
    app.parse(argc, argv);
    if ((xml->count() > 0 && options.xml.empty()) || (svg->count() > 0 && options.svg.empty()))
      return bad_input("--xml and --svg want the name of a file");
    if (ranks->count() > 0 && options.ranks == 0)
      return bad_input(fmt::format("--ranks 0 must lie within 1 and {}", kMostRanks));
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    return bad_input(error.what());
  }
  return options.settings ? show_settings(options.json) : show(options);
}

}  // namespace
}  // namespace hfreduce::topo

// What could not be written, to a full disk say, is a failure: nobody may take half a page for all
// of it.
int main(int argc, char** argv) {
  // What is wrong with a machine or a file is said here, in one sentence.
  setenv("HWLOC_HIDE_ERRORS", "2", 1);
  try {
    const int outcome = hfreduce::topo::run(argc, argv);
    if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return outcome;
    fmt::print(stderr, "hfreduce-topo: writing to standard output: {}\n", std::strerror(errno));
  } catch (const std::exception& error) {
    fmt::print(stderr, "hfreduce-topo: {}\n", error.what());
  }
  return hfreduce::topo::kFailed;
}
