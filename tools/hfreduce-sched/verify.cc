#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <vector>

#include "algorithms/proof.h"
#include "base/clock.h"
#include "commands.h"

namespace hfreduce::sched {
namespace {

struct Tally {
  std::int64_t proofs = 0, without_races = 0;
  std::uint64_t steps = 0;
  std::string fault;
};

// Long pipelines take long: beyond this only a few calls are proved.
constexpr std::int32_t kMostForAll = 64;

std::vector<algorithms::Setting> settings_of(const Options& options, std::int32_t ranks) {
  std::vector<algorithms::Setting> settings;
  if (options.hosts == 0 && options.leaders == 1 && options.groups.empty())
    return algorithms::settings(ranks);
  Options one = options;
  one.hosts = std::max(1, options.hosts);
  if (one.hosts <= ranks && one.leaders <= ranks / one.hosts)
    settings.push_back(setting_of(one, ranks));
  return settings;
}

void prove_with(const algorithms::Algorithm& algorithm, const Options& options, std::int32_t ranks,
                Tally* tally) {
  for (const auto& setting : settings_of(options, ranks)) {
    if (!algorithms::concerns(setting, algorithm)) continue;
    const auto verdict = ranks <= kMostForAll ? algorithms::prove(algorithm, setting)
                                              : algorithms::prove_briefly(algorithm, setting);
    ++tally->proofs;
    tally->steps += verdict.steps;
    if (!verdict.races_excluded) ++tally->without_races;
    if (!verdict.ok() && tally->fault.empty())
      tally->fault = fmt::format("{} ranks, {}: {}", ranks, setting.name, verdict.fault);
  }
}

bool report(const algorithms::Algorithm& algorithm, const Tally& tally, double seconds) {
  const char* outcome = !tally.fault.empty() ? "FAILED"
                        : tally.proofs == 0  ? "does not apply"
                                             : "proved";
  fmt::print("{:<10} {:<18} {:<14} {:>5} settings {:>12} steps {:>7.2f} s",
             name_of(algorithm.collective), algorithm.name, outcome, tally.proofs, tally.steps,
             seconds);
  if (tally.without_races > 0)
    fmt::print("  (races not looked for in {} of them: too many ranks)", tally.without_races);
  fmt::print("\n");
  if (!tally.fault.empty()) fmt::print("  {}\n", tally.fault);
  std::fflush(stdout);
  return tally.fault.empty();
}

}  // namespace

int verify(const Options& options, std::span<const algorithms::Algorithm> candidates) {
  std::int32_t first = 0, last = 0;
  std::string wrong;
  if (!parse_ranks(options.ranks, &first, &last, &wrong)) return bad_input(wrong);
  if (options.hosts < 0 || options.hosts > last)
    return bad_input(fmt::format("--hosts {} must lie within 1 and the number of ranks, {}",
                                 options.hosts, last));
  if (options.leaders < 1 || options.leaders > last)
    return bad_input(fmt::format("--leaders {} must lie within 1 and the number of ranks, {}",
                                 options.leaders, last));
  if (wrong = wrong_groups(options); !wrong.empty()) return bad_input(wrong);
  bool known = false, proved = true;
  for (const auto& algorithm : candidates) {
    const bool reduces = algorithm.collective == algorithms::Collective::kAllReduce;
    if (!options.algorithm.empty() && algorithm.name != options.algorithm) continue;
    if (!options.collective.empty() && (options.collective == "allreduce") != reduces) continue;
    known = true;
    Tally tally;
    const Nanoseconds start = now_ns();
    for (std::int32_t ranks = first; ranks <= last && tally.fault.empty(); ++ranks)
      prove_with(algorithm, options, ranks, &tally);
    proved &= report(algorithm, tally, static_cast<double>(now_ns() - start) / 1e9);
  }
  if (!known) return bad_input(not_found(options, known));
  return proved ? 0 : kFailed;
}

}  // namespace hfreduce::sched
