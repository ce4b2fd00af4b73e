// hfreduce-sched: shows, proves and draws the schedules that the library runs.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "algorithms/algorithm.h"
#include "algorithms/proof.h"
#include "timeline.h"

namespace hfreduce::sched {

constexpr int kFailed = 1;    // something was not proved
constexpr int kBadInput = 2;  // one sentence on standard error says what

struct Options {
  std::string algorithm;    // empty: all
  std::string collective;   // "allreduce", "broadcast"; empty: whichever has the algorithm
  std::string ranks = "8";  // "8" or, for verify, "1-64"
  std::int32_t hosts = 0;   // 0: show: 1; verify: the usual settings
  std::int32_t leaders = 1;
  std::string groups;      // "4,4" or "8/4"; empty: none
  std::int32_t rank = -1;  // -1: all
  std::int32_t root = 0;
  // draw
  std::string out;
  std::uint64_t bytes = 1 << 20;
  std::int32_t segments = 2;
  Costs costs;
};

int bad_input(const std::string& sentence);
// Fails with a sentence in *wrong.
bool parse_ranks(const std::string& text, std::int32_t* first, std::int32_t* last,
                 std::string* wrong);

// "allreduce", "broadcast"
const char* name_of(algorithms::Collective collective);
bool matches(const Options& options, const algorithms::Algorithm& algorithm);
// What is wrong with --groups, or nothing.
std::string wrong_groups(const Options& options);
// What is wrong with the numbers for so many ranks, or nothing.
std::string wrong_with(const Options& options, std::int32_t ranks);
// Why no algorithm was found: there is none of that name, or it cannot run on several hosts, or
// without groups.
std::string not_found(const Options& options, bool known);

// Hosts, leaders and groups as the options say, which are not wrong.
algorithms::Setting setting_of(const Options& options, std::int32_t ranks);

int list();
int show(const Options& options);
// Of `candidates`, those that the options name.
int verify(const Options& options, std::span<const algorithms::Algorithm> candidates);
int draw(const Options& options);

}  // namespace hfreduce::sched
