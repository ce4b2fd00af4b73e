// Built without hwloc: nothing is known, and the facts say so.
#ifndef HFREDUCE_HAVE_HWLOC

#include "topology/probe.h"

namespace hfreduce::topology {
namespace {

constexpr const char* kNone =
    "the topology is unknown: hwloc was not there when hfreduce was built (libhwloc-dev)";

}  // namespace

Facts probe_this_machine() {
  Facts facts;
  facts.unknown = kNone;
  facts.this_machine = true;
  facts.origin = "this machine";
  return facts;
}

Result<Facts> read_xml(const std::string& name, const std::string&) {
  return Status(Code::kNotSupported, name + ": " + kNone);
}

std::string prober() { return "none: hwloc was not there when hfreduce was built"; }
bool has_prober() noexcept { return false; }

}  // namespace hfreduce::topology

#endif
