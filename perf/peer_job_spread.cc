// Starting an MPI whose ranks are beside ours on several hosts.
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>

#include "clock.h"
#include "peer_job.h"
#include "peer_start.h"

namespace hfreduce::perf {
namespace {

constexpr std::size_t kMostTold = 1 << 20;

}  // namespace

// Which hosts there are, by what each rank knows: in the order of their first ranks.
std::vector<PeerHost> PeerJob::swap_hosts() {
  const PeerCompany::Lines all = company_.together([&] {
    if (!place_.no_network.empty()) throw Failure(place_.no_network);
    return PeerCompany::Lines{fmt::format("{} {} {} {}", place_.host, place_.address,
                                          place_.hosts > 1 ? place_.network.range : "-",
                                          channel(0))};
  });
  std::vector<PeerHost> hosts(static_cast<std::size_t>(place_.hosts));
  for (const std::string& line : all) {
    std::istringstream words(line);
    std::size_t number = 0;
    std::string address, range, channel;
    if (!(words >> number >> address >> range >> channel) || number >= hosts.size()) {
      throw Failure("the ranks do not agree on who is on which host");
    }
    PeerHost& host = hosts[number];
    host.address = address;
    host.range = range;
    if (host.ranks > 0) host.channels += ',';
    host.channels += channel;
    ++host.ranks;
  }
  return hosts;
}

// On rank 0: starts the launcher, and returns what is to be run on the hosts.
std::vector<std::string> PeerJob::ask_launcher(const std::vector<PeerHost>& hosts,
                                               double patience_s) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) fail_with_errno("making a pipe");
  told_.reset(ends[0]);
  const Descriptor tells(ends[1]);
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  Start start;
  start.words = spread_launcher(spec_, hosts);
  start.words.insert(start.words.end(), setting_.arguments.begin(), setting_.arguments.end());
  start.words.insert(start.words.end(), spec_.program.begin(), spec_.program.end());
  start.environment = environment();
  if (spec_.kind == PeerKind::kMpich) {
    start.out = ends[1];
  } else {
    start.environment.push_back("HFREDUCE_PERF_CHANNELS=" + hosts[0].channels);
    start.environment.push_back(
        fmt::format("HFREDUCE_PERF_AGENT=/proc/{}/fd/{}", getpid(), ends[1]));
  }
  start.gently = start.afresh = true;
  children_.push_back({start_program(start), -1});

  const std::int64_t begin = now_ns();
  std::string told;
  while (true) {
    const DaemonCommands commands = daemon_commands(spec_.kind, told, hosts);
    if (commands.complete) return commands.of_host;
    check_launcher();
    if (us_since(begin) > patience_s * 1e6 || told.size() > kMostTold) {
      throw Late(fmt::format("its launcher has not said within {:g} s what to run on the hosts",
                             patience_s));
    }
    pollfd one = {ends[0], POLLIN, 0};
    poll(&one, 1, 50);
    char part[4096];
    const ssize_t got = read(ends[0], part, sizeof(part));
    if (got > 0) told.append(part, static_cast<std::size_t>(got));
  }
}

void PeerJob::start_daemon(const std::string& command, const PeerHost& host) {
  Start start;
  // Open MPI writes for a shell, and sets variables first.
  start.words = {"/bin/sh", "-c", spec_.kind == PeerKind::kMpich ? "exec " + command : command};
  start.environment = environment();
  start.environment.push_back("HFREDUCE_PERF_CHANNELS=" + host.channels);
  if (spec_.kind == PeerKind::kMpich && place_.hosts > 1) {
    // Between pretended hosts of one machine UCX would find shared memory.
    start.environment.push_back(place_.pretended ? "UCX_TLS=tcp,self" : "UCX_TLS=tcp,sm,self");
    start.environment.push_back("UCX_NET_DEVICES=" + place_.network.interface);
  }
  start.gently = start.afresh = true;
  children_.push_back({start_program(start), -1});
}

void PeerJob::start_daemons(double patience_s) {
  const std::vector<PeerHost> hosts = swap_hosts();
  // One line for each host; what a shell is to run has none in it.
  const PeerCompany::Lines told = company_.together([&] {
    std::string all;
    if (place_.first != 0) return PeerCompany::Lines{all};
    for (const std::string& command : ask_launcher(hosts, patience_s)) all += command + "\n";
    return PeerCompany::Lines{all};
  });
  company_.together([&] {
    std::istringstream lines(told.front());
    std::string command;
    for (int host = 0; host <= place_.host; ++host) std::getline(lines, command);
    const auto here = static_cast<std::size_t>(place_.host);
    if (place_.leads && !command.empty()) start_daemon(command, hosts[here]);
    return PeerCompany::Lines{};
  });
}

}  // namespace hfreduce::perf
