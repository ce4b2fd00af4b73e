// Finds the facts: the only part of this room that touches a machine or hwloc. Never fails for what
// is missing.
#pragma once

#include <string>

#include "base/status.h"
#include "topology/facts.h"

namespace hfreduce::topology {

// Of the machine that this process runs on.
Facts probe_this_machine();

// What an XML file of hwloc's (`lstopo --of xml`) says. Fails with a sentence about the text:
// empty, of another kind, cut off, of another version. The text may be anybody's; hwloc itself,
// though, does not promise to survive every text that is well-formed: who does not trust it asks in
// a child process first.
Result<Facts> read_xml(const std::string& name, const std::string& text);

// "hwloc 2.9.0", or why there is none.
std::string prober();
bool has_prober() noexcept;

}  // namespace hfreduce::topology
