#include "options.h"

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <sstream>

namespace exercise {
namespace {

using Setter = std::function<void(Options&, const std::string&)>;

template <typename T>
Setter number(T Options::*field) {
  return [field](Options& options, const std::string& text) {
    char* end = nullptr;
    const double value = std::strtod(text.c_str(), &end);
    if (text.empty() || *end != '\0') {
      std::fprintf(stderr, "hfr-exercise: not a number: %s\n", text.c_str());
      std::exit(2);
    }
    options.*field = static_cast<T>(value);
  };
}

Setter text(std::string Options::*field) {
  return [field](Options& options, const std::string& value) { options.*field = value; };
}

void set_without(Options& options, const std::string& value) {
  std::istringstream stream(value);
  for (std::string part; std::getline(stream, part, ',');)
    options.without.push_back(std::stoi(part));
}

const std::map<std::string, Setter>& setters() {
  static const std::map<std::string, Setter> table = {
      {"--join", text(&Options::join)},
      {"--id-file", text(&Options::id_file)},
      {"--rank", number(&Options::rank)},
      {"--ranks", number(&Options::ranks)},
      {"--threads", number(&Options::threads)},
      {"--comms", number(&Options::comms)},
      {"--split", number(&Options::split)},
      {"--timeout-ms", number(&Options::timeout_ms)},
      {"--init-timeout-ms", number(&Options::init_timeout_ms)},
      {"--out", text(&Options::out)},
      {"--seed", number(&Options::seed)},
      {"--ops", number(&Options::ops)},
      {"--seconds", number(&Options::seconds)},
      {"--min-bytes", number(&Options::min_bytes)},
      {"--max-bytes", number(&Options::max_bytes)},
      {"--collective", number(&Options::only_collective)},
      {"--type", number(&Options::only_type)},
      {"--op", number(&Options::only_op)},
      {"--requests", number(&Options::requests_percent)},
      {"--mapped", number(&Options::mapped_percent)},
      {"--algorithm", text(&Options::algorithm)},
      {"--timer-hz", number(&Options::timer_hz)},
      {"--pause-us", number(&Options::pause_us)},
      {"--misbehave", text(&Options::misbehave)},
      {"--who", number(&Options::who)},
      {"--at", number(&Options::at)},
      {"--hold", number(&Options::hold)},
      {"--recover", text(&Options::recover)},
      {"--without", set_without},
  };
  return table;
}

}  // namespace

Options parse_options(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; i += 2) {
    const auto found = setters().find(argv[i]);
    if (found == setters().end() || i + 1 == argc) {
      std::fprintf(stderr, "hfr-exercise: unknown, or without a value: %s\n", argv[i]);
      for (const auto& row : setters()) std::fprintf(stderr, "  %s VALUE\n", row.first.c_str());
      std::exit(2);
    }
    found->second(options, argv[i + 1]);
  }
  return options;
}

}  // namespace exercise
