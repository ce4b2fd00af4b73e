#include "topology/limits.h"

#include <fmt/core.h>
#include <sched.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <sstream>

namespace hfreduce::topology {
namespace {

// A hierarchy of control groups that knows processor time, and where this process is in it.
struct Group {
  bool unified = false;  // cpu.max; else cpu.cfs_quota_us and cpu.cfs_period_us
  std::string mount, root, path;
};

std::optional<std::string> contents(const std::string& file) {
  std::ifstream stream(file);
  if (!stream) return std::nullopt;
  std::ostringstream text;
  text << stream.rdbuf();
  return std::move(text).str();
}

bool lists(const std::string& comma_separated, std::string_view wanted) {
  std::istringstream stream(comma_separated);
  for (std::string word; std::getline(stream, word, ',');)
    if (word == wanted) return true;
  return false;
}

// Lines "3:cpu,cpuacct:/path"; "0::/path" is the unified hierarchy.
std::optional<std::string> path_of(const std::string& groups, bool unified) {
  std::istringstream stream(groups);
  for (std::string line; std::getline(stream, line);) {
    const auto first = line.find(':');
    const auto second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (unified ? controllers.empty() : lists(controllers, "cpu")) return line.substr(second + 1);
  }
  return std::nullopt;
}

// Lines "31 23 0:28 /root /mount/point options - type source options".
std::vector<Group> groups_of(const std::string& mounts, const std::string& groups) {
  std::vector<Group> found;
  std::istringstream stream(mounts);
  for (std::string line; std::getline(stream, line);) {
    const auto dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    std::istringstream left(line), right(line.substr(dash + 3));
    std::string skip, root, mount, type, source, options;
    left >> skip >> skip >> skip >> root >> mount;
    right >> type >> source >> options;
    const bool unified = type == "cgroup2";
    if (!unified && (type != "cgroup" || !lists(options, "cpu"))) continue;
    if (auto path = path_of(groups, unified))
      found.push_back({unified, mount, root, std::move(*path)});
  }
  return found;
}

std::optional<double> number_of(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

struct Reading {
  bool known = false;
  std::optional<double> cores;
  std::string file;
};

Reading read_folder(const std::string& folder, bool unified) {
  Reading reading;
  reading.file = folder + (unified ? "/cpu.max" : "/cpu.cfs_quota_us");
  const auto text = contents(reading.file);
  if (!text) {
    // The topmost group has no such file, and no limit.
    std::istringstream controllers(contents(folder + "/cgroup.controllers").value_or(""));
    for (std::string word; controllers >> word;) reading.known |= unified && word == "cpu";
    return reading;
  }
  std::optional<double> quota, period;
  if (unified) {
    const auto space = text->find(' ');
    if (space == std::string::npos) return reading;
    period = number_of(std::string_view(*text).substr(space + 1));
    if (text->starts_with("max ")) {
      reading.known = period.has_value();
      return reading;
    }
    quota = number_of(std::string_view(*text).substr(0, space));
  } else {
    quota = number_of(*text);
    period = number_of(contents(folder + "/cpu.cfs_period_us").value_or(""));
  }
  reading.known = quota && period && std::isfinite(*quota) && *period > 0;
  if (reading.known && *quota > 0) reading.cores = *quota / *period;
  return reading;
}

// The tightest of this group and all above it, up to where the hierarchy is mounted.
void read_group(const std::string& system, const Group& group, Limits* limits) {
  std::string path = group.path;
  // What is mounted may be a part of the hierarchy only, as in a container.
  if (group.root != "/" && path.starts_with(group.root)) path.erase(0, group.root.size());
  if (path.find("/..") != std::string::npos) path.clear();  // outside of what is mounted here
  while (!path.empty() && path.back() == '/') path.pop_back();
  for (;;) {
    const Reading reading = read_folder(system + group.mount + path, group.unified);
    if (reading.known) {
      limits->quota_known = true;
      if (reading.cores && (!limits->quota || *reading.cores < *limits->quota)) {
        limits->quota = reading.cores;
        limits->quota_from = reading.file.substr(system.size());
      }
    }
    if (path.empty()) return;
    path.erase(path.rfind('/') == std::string::npos ? 0 : path.rfind('/'));
  }
}

std::optional<Cpus> read_binding() {
  for (int most = 1024; most <= 1 << 20; most *= 2) {
    std::vector<cpu_set_t> set(static_cast<std::size_t>(most) / CPU_SETSIZE + 1);
    const std::size_t bytes = set.size() * sizeof(cpu_set_t);
    if (sched_getaffinity(0, bytes, set.data()) != 0) continue;  // the kernel's set is larger
    Cpus cpus;
    for (std::int32_t cpu = 0; cpu < static_cast<std::int32_t>(bytes * 8); ++cpu)
      if (CPU_ISSET_S(static_cast<std::size_t>(cpu), bytes, set.data())) cpus.push_back(cpu);
    return cpus;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::size_t> Limits::usable() const {
  std::optional<std::size_t> count;
  if (binding) count = binding->size();
  if (quota) {
    const auto worth = static_cast<std::size_t>(std::min(std::max(std::ceil(*quota), 1.0), 1e6));
    count = count ? std::min(*count, worth) : worth;
  }
  return count;
}

Limits read_limits(const std::string& system) {
  Limits limits;
  limits.binding = read_binding();
  const auto groups = contents(system + "/proc/self/cgroup");
  const auto mounts = contents(system + "/proc/self/mountinfo");
  if (groups && mounts)
    for (const Group& group : groups_of(*mounts, *groups)) read_group(system, group, &limits);
  if (!limits.quota_known)
    limits.quota_from = "no control group of this process tells its processor time";
  return limits;
}

}  // namespace hfreduce::topology
