#include "peer_daemons.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <sstream>

namespace hfreduce::perf {
namespace {

using Words = std::vector<std::string>;

std::string host_list(const std::vector<PeerHost>& hosts) {
  std::string list;
  for (const PeerHost& host : hosts) {
    list += fmt::format("{}{}:{}", list.empty() ? "" : ",", host.address, host.ranks);
  }
  return list;
}

std::string ranges(const std::vector<PeerHost>& hosts) {
  std::set<std::string> all;
  for (const PeerHost& host : hosts) all.insert(host.range);
  std::string list;
  for (const std::string& range : all) {
    if (!list.empty()) list += ',';
    list += range;
  }
  return list;
}

// Open MPI runs "AGENT HOST COMMAND" for each host but its own: the adapter, as agent, passes the
// two on. The command is for a shell, as ssh would have it.
DaemonCommands from_agents(const std::string& told, const std::vector<PeerHost>& hosts) {
  DaemonCommands commands{false, Words(hosts.size())};
  std::istringstream lines(told.substr(0, told.rfind('\n') + 1));
  std::size_t known = 1;
  for (std::string line; std::getline(lines, line);) {
    const std::size_t space = line.find(' ');
    for (std::size_t h = 1; h < hosts.size() && space != std::string::npos; ++h) {
      if (hosts[h].address != line.substr(0, space)) continue;
      known += commands.of_host[h].empty() ? 1 : 0;
      commands.of_host[h] = line.substr(space + 1);
    }
  }
  commands.complete = known == hosts.size();
  return commands;
}

// MPICH prints what is to be run on each host, in their order, its own included.
DaemonCommands from_hydra(const std::string& told, const std::vector<PeerHost>& hosts) {
  DaemonCommands commands{false, Words(hosts.size())};
  const std::string mark = "HYDRA_LAUNCH: ";
  std::istringstream lines(told.substr(0, told.rfind('\n') + 1));
  std::size_t host = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind(mark, 0) == 0 && host < hosts.size()) {
      commands.of_host[host++] = line.substr(mark.size());
    }
    if (line.rfind("HYDRA_LAUNCH_END", 0) == 0) commands.complete = host == hosts.size();
  }
  return commands;
}

}  // namespace

Words spread_launcher(const PeerSpec& spec, const std::vector<PeerHost>& hosts) {
  int ranks = 0;
  for (const PeerHost& host : hosts) ranks += host.ranks;
  const std::string n = fmt::format("{}", ranks);
  if (spec.kind == PeerKind::kMpich) {
    return {spec.launcher[0],
            "-launcher",
            "manual",
            "-localhost",
            hosts[0].address,
            "-hosts",
            host_list(hosts),
            "-n",
            n,
            "-bind-to",
            "none"};
  }
  Words words = spec.launcher;  // with what a crowded host needs
  const auto number = std::find(words.begin(), words.end(), "-n");
  if (number != words.end()) *(number + 1) = n;  // of all hosts
  if (hosts.size() == 1) return words;
  const std::string networks = ranges(hosts);
  words.insert(words.end(), {"--leave-session-attached", "--host", host_list(hosts)});
  const std::pair<const char*, std::string> settings[] = {
      {"plm", "rsh"},
      {"plm_rsh_agent", spec.program[0] + " agent"},
      {"plm_rsh_no_tree_spawn", "1"},
      {"plm_rsh_num_concurrent", "1"},
      {"oob_tcp_if_include", networks},
      {"pml", "ob1"},
      {"btl", "self,vader,tcp"},
      {"btl_tcp_if_include", networks},
  };
  for (const auto& [name, value] : settings) words.insert(words.end(), {"--mca", name, value});
  return words;
}

DaemonCommands daemon_commands(PeerKind kind, const std::string& told,
                               const std::vector<PeerHost>& hosts) {
  return kind == PeerKind::kMpich ? from_hydra(told, hosts) : from_agents(told, hosts);
}

}  // namespace hfreduce::perf
