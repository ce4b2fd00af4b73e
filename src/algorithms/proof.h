// What an algorithm is proved for: placements, sequences of calls, roots, in place and out of
// place. The command-line tool and the tests prove the same.
#pragma once

#include <string>
#include <vector>

#include "algorithms/algorithm.h"
#include "base/status.h"
#include "schedule/verifier.h"

namespace hfreduce::algorithms {

struct Setting {
  std::string name;  // for people: "2 hosts", "1, 3, 2, ... ranks a host", ...
  schedule::Placement placement;
  std::int32_t leaders = 1;
};

// One host; one rank a host; equal and unequal hosts; ranks dealt out round the hosts; two leaders;
// groups inside hosts.
std::vector<Setting> settings(std::int32_t ranks);
// Sizes of groups: on each host the first ranks are in the first group, and so on, from the first
// size again when all are used. Several levels: the innermost first.
using GroupSizes = std::vector<std::vector<std::int32_t>>;
// "4,2": sizes of one level; "8/4,2": levels, the outermost first. Fails with a sentence.
Result<GroupSizes> parse_groups(const std::string& text);
// `hosts` of them as equal as can be, ranks in order.
Setting evenly(std::int32_t ranks, std::int32_t hosts, std::int32_t leaders = 1);
Setting evenly(std::int32_t ranks, std::int32_t hosts, std::int32_t leaders,
               const GroupSizes& groups);

// Everything that is to be proved of one algorithm in one setting; the first fault, if any.
schedule::Verdict prove(const Algorithm& algorithm, const Setting& setting);
// The same, of a few calls only: for numbers of ranks with which more would take too long.
schedule::Verdict prove_briefly(const Algorithm& algorithm, const Setting& setting);

// Whether the setting says anything about this algorithm: it applies, and leaders and groups, where
// there are any, matter to it.
bool concerns(const Setting& setting, const Algorithm& algorithm);

}  // namespace hfreduce::algorithms
