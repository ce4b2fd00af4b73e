// hfreduce-sched: shows and proves the schedules that the library runs.
#pragma once

#include <cstdint>
#include <string>

namespace hfreduce::sched {

constexpr int kFailed = 1;    // something was not proved
constexpr int kBadInput = 2;  // one sentence on standard error says what

struct Options {
  std::string algorithm;    // empty: all
  std::string collective;   // "allreduce", "broadcast"; empty: whichever has the algorithm
  std::string ranks = "8";  // "8" or, for verify, "1-64"
  std::int32_t hosts = 0;   // 0: show: 1; verify: the usual settings
  std::int32_t leaders = 1;
  std::int32_t rank = -1;  // -1: all
  std::int32_t root = 0;
};

int bad_input(const std::string& sentence);
// Fails with a sentence in *wrong.
bool parse_ranks(const std::string& text, std::int32_t* first, std::int32_t* last,
                 std::string* wrong);

int list();
int show(const Options& options);
int verify(const Options& options);

}  // namespace hfreduce::sched
