// hfreduce-topo: shows a machine as hfreduce sees it, and which ways data would take on it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "plan.h"
#include "topology/facts.h"
#include "topology/limits.h"

namespace hfreduce::topo {

constexpr int kFailed = 1;    // something could not be written
constexpr int kBadInput = 2;  // one sentence on standard error says what

struct Options {
  bool json = false, settings = false;
  std::string xml, svg;    // files; empty: this machine; no picture
  std::int32_t ranks = 0;  // 0: no plan
  std::int32_t hosts = 1;
  std::string groups;         // sizes of groups on each host; empty: none
  std::string bytes = "64M";  // of the calls that are planned
};

// Everything that is shown, in whichever form.
struct Findings {
  topology::Facts facts;
  std::optional<topology::Limits> limits;  // only of this machine
  std::optional<Plan> plan;
};

int bad_input(const std::string& sentence);

// files.cc
Result<topology::Facts> read_topology(const std::string& file);
// All of it or nothing: a file that was there before stays as it was until all is written.
Status write_file(const std::string& file, const std::string& text);

// "gpu0", "nic1", "disk2", ...: a short name for each device, by kind and in the order of PCI
// addresses.
std::vector<std::string> tags(const topology::Facts& facts);
bool is_gpu(topology::Kind kind);
bool is_network(topology::Kind kind);

std::string machine_text(const Findings& findings);
std::string plan_text(const Plan& plan);
std::string json_text(const Findings& findings);
std::string svg_text(const Findings& findings);

// Prints every setting, as text or JSON; kBadInput where one cannot be used.
int show_settings(bool json);

}  // namespace hfreduce::topo
