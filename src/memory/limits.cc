#include "memory/limits.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <string>

#include "base/fd.h"
#include "base/file_size.h"

namespace hfreduce::memory {
namespace {

constexpr std::uint64_t kUnlimited = std::numeric_limits<std::uint64_t>::max();

std::string read_small_file(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return {};
  std::string text(16 << 10, '\0');
  const ssize_t got = ::read(fd.get(), text.data(), text.size());
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return text;
}

struct GroupFiles {
  std::string_view line;  // how the group's line in /proc/self/cgroup is known
  const char* root;
  const char* most;
  const char* used;
  std::string_view files;  // clean file pages: they count as used, and give way
};
constexpr GroupFiles kGroups[] = {
    {"0::", "/sys/fs/cgroup", "/memory.max", "/memory.current", "inactive_file"},
    {":memory:", "/sys/fs/cgroup/memory", "/memory.limit_in_bytes", "/memory.usage_in_bytes",
     "total_inactive_file"},
};

std::uint64_t left_in_group(const GroupFiles& files, const std::string& folder) {
  const std::uint64_t most = number_after(read_small_file(folder + files.most), "", kUnlimited);
  if (most == kUnlimited) return kUnlimited;
  const std::uint64_t used = number_after(read_small_file(folder + files.used), "", 0);
  const std::uint64_t clean =
      number_after(read_small_file(folder + "/memory.stat"), files.files, 0);
  const std::uint64_t taken = used - std::min(used, clean);
  return most - std::min(most, taken);
}

// What this process's control group and each group above it still has, in both versions of control
// groups.
std::uint64_t left_in_groups() {
  const std::string groups = read_small_file("/proc/self/cgroup");
  std::uint64_t left = kUnlimited;
  for (const GroupFiles& files : kGroups) {
    const std::size_t at = groups.find(files.line);
    if (at == std::string::npos) continue;
    const std::size_t start = at + files.line.size();
    std::string path = groups.substr(start, groups.find('\n', start) - start);
    // Up to the root of the mount, which in a container is the container's own group.
    for (;;) {
      left = std::min(left, left_in_group(files, files.root + path));
      if (path.empty()) break;
      path.resize(path.rfind('/') == std::string::npos ? 0 : path.rfind('/'));
    }
  }
  return left;
}

}  // namespace

std::uint64_t number_after(std::string_view text, std::string_view key, std::uint64_t otherwise) {
  std::size_t at = 0;
  // The key at the start of a line, and whole.
  while (!key.empty()) {
    at = text.find(key, at);
    if (at == std::string_view::npos) return otherwise;
    const std::size_t end = at + key.size();
    const bool whole = end < text.size() && (text[end] == ' ' || text[end] == '\t');
    const bool starts = at == 0 || text[at - 1] == '\n';
    at = end;
    if (whole && starts) break;
  }
  while (at < text.size() && (text[at] == ' ' || text[at] == '\t')) ++at;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data() + at, text.data() + text.size(), value);
  if (error != std::errc() || end == text.data() + at) return otherwise;
  const bool kilobytes = std::string_view(end, text.data() + text.size()).starts_with(" kB");
  return kilobytes && value <= kUnlimited / 1024 ? value * 1024 : value;
}

MemoryLimit memory_left() {
  MemoryLimit limit{number_after(read_small_file("/proc/meminfo"), "MemAvailable:", kUnlimited),
                    "the machine (MemAvailable)"};
  if (const std::uint64_t group = left_in_groups(); group < limit.bytes) {
    limit = {group, "the control group"};
  }
  return limit;
}

Status check_memory_left(std::uint64_t bytes) {
  HFR_TRY(check_file_size(bytes));
  const MemoryLimit limit = memory_left();
  if (bytes <= limit.bytes) return {};
  return Status(
      Code::kOutOfMemory,
      fmt::format("{} bytes of memory were asked for, and {} has {} bytes left; ask for less, "
                  "or give it more",
                  bytes, limit.by, limit.bytes));
}

}  // namespace hfreduce::memory
