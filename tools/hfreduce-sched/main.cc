#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>

#include "algorithms/proof.h"
#include "commands.h"
#include "hfreduce.h"
#include "schedule/printer.h"

namespace hfreduce::sched {

int list() {
  for (const auto& algorithm : algorithms::all())
    fmt::print("{:<10} {:<18} {}\n", name_of(algorithm.collective), algorithm.name,
               algorithm.summary);
  return 0;
}

int show(const Options& given) {
  Options options = given;
  if (options.hosts == 0) options.hosts = 1;
  std::int32_t first = 0, last = 0;
  std::string wrong;
  if (!parse_ranks(options.ranks, &first, &last, &wrong)) return bad_input(wrong);
  if (first != last) return bad_input("show wants one number of ranks, not a range");
  if (wrong = wrong_with(options, first); !wrong.empty()) return bad_input(wrong);
  bool known = false, shown = false;
  for (const auto& algorithm : algorithms::all()) {
    if (!matches(options, algorithm)) continue;
    known = true;
    const auto setting = setting_of(options, first);
    if (!algorithm.applies(setting.placement)) continue;
    shown = true;
    fmt::print("{} {}, {} ranks, {}\n", name_of(algorithm.collective), algorithm.name, first,
               setting.name);
    const algorithms::Request request{&setting.placement, options.root, options.leaders};
    for (std::int32_t rank = 0; rank < first; ++rank)
      if (options.rank < 0 || options.rank == rank)
        fmt::print("{}", schedule::to_text(algorithm.emit(request, rank)));
  }
  return shown ? 0 : bad_input(not_found(options, known));
}

namespace {

void declare_draw(CLI::App& command, Options& options) {
  command.add_option("-o,--output", options.out, "The SVG file to write")->required();
  command.add_option("--bytes", options.bytes, "Of a rank's buffer, with K, M or G")
      ->transform(CLI::AsSizeValue(false))
      ->option_text("SIZE=1M");
  command.add_option("--segments", options.segments, "Pieces of it that follow each other")
      ->capture_default_str();
  const auto cost = [&command](const char* name, double& value, const char* what) {
    command.add_option(name, value, what)->option_text(fmt::format("NS={:g}", value));
  };
  cost("--mapped-step", options.costs.mapped_step, "What every step costs");
  cost("--mapped-byte", options.costs.mapped_byte, "And every byte that it reads or writes");
  cost("--posted-step", options.costs.posted_step,
       "How long a message between hosts is on its way");
  cost("--posted-byte", options.costs.posted_byte, "And how long each of its bytes keeps the link");
}

int run(int argc, char** argv) {
  Options options;
  CLI::App app("Shows, proves and draws the schedules of hfreduce's algorithms.", "hfreduce-sched");
  app.require_subcommand(1);
  app.set_version_flag("--version", fmt::format("hfreduce-sched {}.{}.{}", HFREDUCE_MAJOR,
                                                HFREDUCE_MINOR, HFREDUCE_PATCH));
  auto* list_command = app.add_subcommand("list", "Name all algorithms");
  auto* show_command = app.add_subcommand("show", "Print what each rank does");
  auto* verify_command =
      app.add_subcommand("verify", "Prove algorithms; exit status 1 when one fails");
  auto* draw_command = app.add_subcommand(
      "draw", "Draw what each rank does when, under a simple model of costs, as SVG");
  for (auto* command : {show_command, verify_command, draw_command}) {
    command->add_option("--algorithm", options.algorithm, "Name, as 'list' prints it")
        ->required(command != verify_command);
    command->add_option("--collective", options.collective, "For names that two have")
        ->check(CLI::IsMember({"allreduce", "broadcast"}));
    command->add_option("--ranks", options.ranks, "Number of ranks; verify takes a range, 1-64")
        ->required();
    command->add_option("--hosts", options.hosts, "Spread them over this many hosts");
    command->add_option("--leaders", options.leaders, "Leaders of a host (hierarchical-*)");
    command
        ->add_option("--groups", options.groups,
                     "Sizes of groups on each host, in turns: 4,2; levels: 8/4")
        ->option_text("SIZES");
  }
  show_command->add_option("--rank", options.rank, "Only this one");
  for (auto* command : {show_command, draw_command})
    command->add_option("--root", options.root, "Of a broadcast");
  declare_draw(*draw_command, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    return bad_input(error.what());
  }
  if (*list_command) return list();
  if (*draw_command) return draw(options);
  return *show_command ? show(options) : verify(options, algorithms::all());
}

}  // namespace
}  // namespace hfreduce::sched

// What could not be written, to a full disk say, is a failure: nobody may take half a page for all
// of it.
int main(int argc, char** argv) {
  try {
    const int outcome = hfreduce::sched::run(argc, argv);
    if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return outcome;
    fmt::print(stderr, "hfreduce-sched: writing to standard output: {}\n", std::strerror(errno));
  } catch (const std::exception& error) {
    fmt::print(stderr, "hfreduce-sched: {}\n", error.what());
  }
  return hfreduce::sched::kFailed;
}
