#include "options.h"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include "failure.h"

namespace hfreduce::perf {
namespace {

// What the command line says, before it means anything.
struct Raw {
  std::vector<std::string> collectives;
  std::string first, last, step, factor;
  std::string type = "float32", op = "sum", root = "0", place = "both", offset = "0", worker;
};

[[noreturn]] void refuse(const std::string& sentence) { throw Failure(sentence, kExitBadUsage); }

// Of a file.
const CLI::Validator kNamed(
    [](const std::string& name) { return name.empty() ? "wants the name of a file" : ""; }, "");

std::uint64_t size_or_refuse(const char* option, const std::string& text) {
  const auto size = parse_size(text);
  if (!size) {
    refuse(fmt::format("{} {}: not a size; write digits and at most one of K, M, G, T, such as 8K",
                       option, text));
  }
  return *size;
}

std::uint64_t number_or_refuse(const char* option, const std::string& text) {
  const bool digits = !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
  const auto number = digits ? parse_size(text) : std::nullopt;
  if (!number || *number > 1'000'000'000) {
    refuse(fmt::format("{} {}: not a whole number", option, text));
  }
  return *number;
}

template <typename Info>
std::vector<const Info*> choose(const char* option, const std::string& name, const Info* found,
                                std::span<const Info> all) {
  std::vector<const Info*> chosen;
  std::string known;
  for (const Info& info : all) {
    if (name == "all" || &info == found) chosen.push_back(&info);
    known += fmt::format("{}, ", info.name);
  }
  if (chosen.empty()) refuse(fmt::format("{} {}: unknown; choose {}or all", option, name, known));
  return chosen;
}

Sweep sweep_of(const Raw& raw) {
  Sweep sweep;
  if (!raw.first.empty()) sweep.first = size_or_refuse("-b", raw.first);
  if (!raw.last.empty()) sweep.last = size_or_refuse("-e", raw.last);
  // One of the two alone moves the other's default out of its way.
  if (raw.first.empty()) sweep.first = std::min(sweep.first, sweep.last);
  if (raw.last.empty()) sweep.last = std::max(sweep.first, sweep.last);
  if (sweep.first > sweep.last) {
    refuse(fmt::format("-b {} is more than -e {}", raw.first, raw.last));
  }
  if (!raw.step.empty() && !raw.factor.empty()) {
    refuse("-i and -f exclude each other: sizes either grow by a step or by a factor");
  }
  if (!raw.step.empty()) {
    sweep.step = size_or_refuse("-i", raw.step);
    sweep.factor = 0;
    if (sweep.step == 0) refuse("-i 0: sizes would never grow");
  }
  if (!raw.factor.empty()) {
    sweep.factor = number_or_refuse("-f", raw.factor);
    if (sweep.factor < 2) refuse(fmt::format("-f {}: must be 2 or more", raw.factor));
  }
  return sweep;
}

// Elements are to lie where the processor takes them as wholes.
std::uint64_t offset_of(const Raw& raw, const std::vector<const TypeInfo*>& types) {
  constexpr std::uint64_t kPage = 4096;
  const std::uint64_t offset = size_or_refuse("--offset", raw.offset);
  if (offset >= kPage)
    refuse(fmt::format("--offset {}: must be less than a page, 4096", raw.offset));
  for (const TypeInfo* type : types) {
    if (offset % type->size != 0) {
      refuse(fmt::format("--offset {}: must be a multiple of the {} bytes of {}", raw.offset,
                         type->size, type->name));
    }
  }
  return offset;
}

std::vector<Collective> collectives_of(const Raw& raw) {
  std::vector<Collective> chosen;
  for (const std::string& name : raw.collectives) {
    if (name == "allreduce" || name == "all_reduce") {
      chosen.push_back(Collective::kAllReduce);
    } else if (name == "broadcast") {
      chosen.push_back(Collective::kBroadcast);
    } else if (name != "overlap" && name != "tune") {
      refuse(fmt::format(
          "{}: no such collective; choose allreduce, broadcast, or none for both, and overlap to "
          "measure them beside a computation, tune to measure which plans are fastest",
          name));
    }
  }
  if (chosen.empty()) chosen = {Collective::kAllReduce, Collective::kBroadcast};
  return chosen;
}

// One would take the other's place.
void refuse_files_twice(const Options& options) {
  const std::pair<const char*, const std::string*> files[] = {
      {"--json", &options.json}, {"--csv", &options.csv}, {"--plot", &options.plot}};
  for (auto one = std::begin(files); one != std::end(files); ++one)
    for (auto other = std::next(one); other != std::end(files); ++other)
      if (!one->second->empty() && *one->second == *other->second)
        refuse(fmt::format("{} and {} name the same file, {}: it can hold one of them", one->first,
                           other->first, *one->second));
}

void interpret(const Raw& raw, Options& options) {
  refuse_files_twice(options);
  options.collectives = collectives_of(raw);
  const auto has = [&](const char* word) {
    return std::find(raw.collectives.begin(), raw.collectives.end(), word) != raw.collectives.end();
  };
  options.overlap = has("overlap");
  options.tune = has("tune");
  if (options.overlap && options.tune) refuse("overlap and tune are two things: choose one");
  if (options.overlap &&
      (!options.compare.empty() || !options.baseline.empty() || !options.plot.empty())) {
    refuse("overlap has no --compare, --baseline or --plot");
  }
  if (options.persistent && (options.overlap || options.tune))
    refuse("--persistent is for plain measurements, not for overlap or tune");
  if (options.tune && (!options.compare.empty() || !options.baseline.empty() ||
                       !options.plot.empty() || !options.json.empty() || !options.csv.empty() ||
                       !options.algorithm.empty() || options.mapped)) {
    refuse(
        "tune has no --compare, --baseline, --plot, --json, --csv, --algorithm or --memory: it "
        "measures every plan for ordinary memory, and keeps what it finds where the library looks");
  }
  options.sweep = sweep_of(raw);
  options.types = choose("-d", raw.type, find_type(raw.type), all_types());
  if (options.tune && options.sweep.last < options.types.front()->size)
    refuse("tune: calls without elements have no plans to choose from; raise -e");
  options.ops = choose("-o", raw.op, find_op(raw.op), all_ops());
  const auto applicable = [&](const TypeInfo* type) {
    return std::any_of(options.ops.begin(), options.ops.end(),
                       [&](const OpInfo* op) { return applies(*op, *type); });
  };
  if (std::none_of(options.types.begin(), options.types.end(), applicable)) {
    refuse(
        fmt::format("-o {}: not an operation on {}; bitwise ones are for integers and bool, and "
                    "bool has no average",
                    raw.op, raw.type));
  }
  options.root = raw.root == "all" || raw.root == "-1"
                     ? -1
                     : static_cast<int>(number_or_refuse("-r", raw.root));
  options.offset = offset_of(raw, options.types);
  if (raw.place != "in" && raw.place != "out" && raw.place != "both") {
    refuse(fmt::format("--place {}: choose in, out or both", raw.place));
  }
  if (raw.place != "in") options.places.push_back(Placing::kOut);
  if (raw.place != "out") options.places.push_back(Placing::kIn);
  const std::int64_t local =
      std::int64_t{std::max(1, options.ranks)} * std::max(1, options.threads);
  if (local > 4096) refuse(fmt::format("{} ranks on one host are more than 4096", local));
  if ((options.ranks > 0 || options.threads > 0) && options.root >= local) {
    refuse(fmt::format("-r {}: there are ranks 0 to {}", options.root, local - 1));
  }
  if (!raw.worker.empty() &&
      std::sscanf(raw.worker.c_str(), "%d:%d", &options.worker_fd, &options.worker_index) != 2) {
    refuse("--worker is for this program's own use");
  }
}

void declare_run(CLI::App& app, Options& options, Raw& raw) {
  app.add_option("--ranks", options.ranks, "start this many local processes, a rank each")
      ->check(CLI::Range(1, 4096));
  app.add_option("-t,--threads", options.threads,
                 "ranks as threads: this many in each local process (1 process unless --ranks)")
      ->check(CLI::Range(1, 4096));
  app.add_option_function<std::string>(
         "--memory", [&options](const std::string& kind) { options.mapped = kind == "mapped"; },
         "ordinary: private to each rank, as malloc gives; mapped: registered, so that ranks of "
         "one "
         "host use it where it is [ordinary]")
      ->check(CLI::IsMember({"ordinary", "mapped"}));
  app.add_option(
         "--offset", raw.offset,
         "bytes behind the beginning of a page at which buffers begin, those of --compare's "
         "own adapters too; malloc gives 16 for large ones. Limits are of aligned buffers")
      ->capture_default_str();
  app.add_flag("--persistent", options.persistent,
               "plan each case once, as a persistent request, and time its starts and waits");
  app.add_option("--bind", options.bind, "1: bind local rank r to core r modulo cores; 0: do not")
      ->check(CLI::Range(0, 1))
      ->capture_default_str();
  app.add_option("--limits", options.limits,
                 "1: measure what the machine allows, between the calls; 0: do not")
      ->check(CLI::Range(0, 1))
      ->capture_default_str();
  app.add_option("--algorithm", options.algorithm, "force one by name (see hfreduce-sched list)");
  app.add_option("--json", options.json, "also write the results to this file")->check(kNamed);
  app.add_option("--csv", options.csv, "also write them as comma-separated values")->check(kNamed);
  app.add_option("--plot", options.plot, "also draw time and bandwidth over size, as SVG")
      ->check(kNamed);
  app.add_option("--baseline", options.baseline,
                 "mark what is slower than in this file of an earlier --json; exit status 3 if so")
      ->check(kNamed);
  app.add_option("--tolerance", options.tolerance, "percent by which runs may differ")
      ->check(CLI::Range(0.0, 1000.0))
      ->capture_default_str();
  app.add_option("--compare", options.compare,
                 "other libraries in the same rounds: mpi (openmpi, mpich), gloo, exec:PROGRAM; "
                 "several with commas")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->expected(1)
      ->allow_extra_args(false);
  app.add_option("--compare-patience", options.patience,
                 "seconds that another library has for each answer")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  app.add_option("--worker", raw.worker)->group("");
}

void declare_cases(CLI::App& app, Options& options, Raw& raw) {
  app.add_option("collective", raw.collectives,
                 "allreduce, broadcast; without: both. overlap before them: how much of each hides "
                 "behind a computation. tune: which plans are fastest here, for the library to use "
                 "from then on");
  app.add_option("-b,--minbytes", raw.first, "smallest size a rank, with K, M, G or T [8]");
  app.add_option("-e,--maxbytes", raw.last, "largest size [32M]");
  app.add_option("-f,--stepfactor", raw.factor, "multiply the size by this [4]");
  app.add_option("-i,--stepbytes", raw.step, "add this to the size, instead of -f");
  app.add_option("-n,--iters", options.iterations, "timed calls a size [by size: 1000 to 10]")
      ->check(CLI::Range(1, 100'000));
  app.add_option("--until-tight", options.tight,
                 "without -n: rounds until the median is known to so many percent; 0: four rounds")
      ->check(CLI::Range(0.0, 100.0))
      ->capture_default_str();
  app.add_option("--cap", options.cap, "but no further round of a case after so many seconds")
      ->check(CLI::Range(0.0, 86400.0))
      ->capture_default_str();
  app.add_option("-w,--warmup_iters", options.warm_up, "calls before those [by size]")
      ->check(CLI::Range(1, 100'000));
  app.add_option("-c,--check", options.checks, "checked calls a size; 0: none")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str();
  app.add_option("-d,--datatype", raw.type, "element type, or all")->capture_default_str();
  app.add_option("-o,--op", raw.op, "sum, prod, max, min, avg, band, bor, bxor, or all")
      ->capture_default_str();
  app.add_option("-r,--root", raw.root, "root of a broadcast, or all")->capture_default_str();
  app.add_option("--place", raw.place, "in, out, or both")->capture_default_str();
}

}  // namespace

Options parse_options(int argc, const char* const* argv, Early& early) {
  Options options;
  Raw raw;
  CLI::App app(
      "Measures collectives of hfreduce: checks their results, and says how far from the machine's "
      "limit they are.\nStarts local ranks itself (--ranks, --threads), or joins under mpirun, "
      "srun, "
      "torchrun or RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT.",
      "hfreduce-perf");
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  declare_cases(app, options, raw);
  declare_run(app, options, raw);
  app.set_version_flag("--version", fmt::format("hfreduce-perf {}.{}.{}", HFREDUCE_MAJOR,
                                                HFREDUCE_MINOR, HFREDUCE_PATCH));
  try {
    app.parse(argc, argv);
    interpret(raw, options);
  } catch (const CLI::Success& asked) {  // --help, --version
    early.leave = true;
    early.out = asked.get_name() == "CallForHelp" ? app.help() : std::string(asked.what()) + "\n";
  } catch (const CLI::ParseError& error) {
    early = {true, kExitBadUsage, "", fmt::format("{} (--help lists the options)", error.what())};
  } catch (const Failure& failure) {
    early = {true, failure.exit_status(), "", failure.what()};
  }
  return options;
}

int timed_calls(const Options& options, std::uint64_t bytes) {
  if (options.iterations > 0) return options.iterations;
  if (bytes <= (64 << 10)) return 1000;
  if (bytes <= (1 << 20)) return 200;
  if (bytes <= (16 << 20)) return 40;
  return bytes <= (128 << 20) ? 20 : 10;
}

int warm_up_calls(const Options& options, std::uint64_t bytes) {
  if (options.warm_up > 0) return options.warm_up;
  return bytes <= (1 << 20) ? 20 : 3;
}

}  // namespace hfreduce::perf
