#include "comm/whereabouts.h"

#include <fmt/core.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cmath>
#include <fstream>
#include <map>
#include <vector>

#include "comm/cores.h"
#include "topology/cpu_lists.h"
#include "topology/limits.h"

namespace hfreduce::comm {
namespace {

// A process's number is another one's in another namespace, and a forked child has the bits.
std::string process_name() {
  static const std::uint64_t bits = [] {
    std::uint64_t random = 0;
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) != sizeof random) random = 0;
    return random;
  }();
  return fmt::format("{:x}.{}", bits, getpid());
}

std::string_view take_word(std::string_view& text) {
  const std::size_t end = std::min(text.find(' '), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(std::min(text.size(), end + 1));
  return word;
}

}  // namespace

Whereabouts Whereabouts::read(const Settings& settings) {
  Whereabouts here;
  here.process = process_name();
  here.cores = core_mask();
  const topology::Limits limits = topology::read_limits();
  here.quota = limits.quota.value_or(0);
  if (settings.deterministic == 0 || !settings.group.empty())
    here.near = near_labels(limits.binding.value_or(topology::Cpus()), settings.group);
  if (settings.deterministic == 0) std::ifstream("/proc/sys/kernel/random/boot_id") >> here.machine;
  return here;
}

std::string Whereabouts::pack() const {
  return fmt::format("{} {} {:.3f} {} {} {}", process, cores, quota, near.outer, near.inner,
                     machine);
}

Whereabouts Whereabouts::unpack(std::string_view text) {
  Whereabouts there;
  there.process = take_word(text);
  there.cores = take_word(text);
  const std::string_view quota = take_word(text);
  double value = 0;
  const auto [end, error] = std::from_chars(quota.data(), quota.data() + quota.size(), value);
  if (error == std::errc() && std::isfinite(value) && value > 0) there.quota = value;
  there.near.outer = take_word(text);
  there.near.inner = take_word(text);
  there.machine = take_word(text);
  return there;
}

bool outnumber_cores(std::span<const Whereabouts> ranks) {
  std::vector<std::string> masks;
  for (const Whereabouts& rank : ranks) masks.push_back(rank.cores);
  const int known = cores_in(masks);
  return known > 0 && static_cast<std::size_t>(known) < ranks.size();
}

bool crowd_a_machine(std::span<const Whereabouts> ranks) {
  std::map<std::string_view, std::vector<Whereabouts>> machines;
  for (const Whereabouts& rank : ranks)
    if (!rank.machine.empty()) machines[rank.machine].push_back(rank);
  return std::any_of(machines.begin(), machines.end(),
                     [](const auto& machine) { return outnumber_cores(machine.second); });
}

int spare_cores(const Whereabouts& mine, std::span<const Whereabouts> host) {
  constexpr double kRounding = 1e-6;
  double share = 0;
  for (std::size_t digit = 0; digit < mine.cores.size(); ++digit) {
    for (std::size_t bit = 0; bit < 4; ++bit) {
      if (!in_mask(mine.cores, digit * 4 + bit)) continue;
      const auto users = std::count_if(host.begin(), host.end(), [&](const Whereabouts& rank) {
        return in_mask(rank.cores, digit * 4 + bit);
      });
      share += 1.0 / static_cast<double>(std::max<std::ptrdiff_t>(1, users));
    }
  }
  if (mine.quota > 0)
    share =
        std::min(share, mine.quota / static_cast<double>(std::max<std::size_t>(1, host.size())));
  return std::max(0, static_cast<int>(share + kRounding) - 1);
}

std::vector<std::vector<std::int32_t>> own_nodes() {
  std::vector<topology::Cpus> nodes;
  const auto binding = topology::read_limits().binding;
  for (const topology::Cpus& node : topology::cpus_of_nodes())
    if (topology::Cpus own = binding ? topology::in_both(node, *binding) : node; !own.empty())
      nodes.push_back(std::move(own));
  return nodes;
}

int choose_workers(std::int64_t wanted, const Whereabouts& mine,
                   std::span<const Whereabouts> host) {
  constexpr int kMostWorkers = 64;
  static std::atomic<int> least_spare{kMostWorkers};
  const auto here = static_cast<int>(std::count_if(
      host.begin(), host.end(), [&](const Whereabouts& r) { return r.process == mine.process; }));
  if (wanted >= 0) return std::min(kMostWorkers, static_cast<int>(wanted) * std::max(1, here));
  // A communicator of few ranks may share its host with others' ranks, of which a larger one knew.
  const int spare = spare_cores(mine, host);
  int least = least_spare.load(std::memory_order_relaxed);
  while (spare < least && !least_spare.compare_exchange_weak(least, spare)) {
  }
  int most = kMostWorkers;
  for (const auto& node : own_nodes())
    most = std::max(most == kMostWorkers ? 0 : most, static_cast<int>(node.size()) - 1);
  return std::min({most, kMostWorkers, std::min(spare, least) * std::max(1, here)});
}

}  // namespace hfreduce::comm
