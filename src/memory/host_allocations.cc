#include "memory/host_allocations.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>

namespace hfreduce::memory {

namespace {

Status unfit(std::string_view why) {
  return Status(Code::kInvalidArgument, fmt::format("this mapping cannot be registered: {}", why));
}

// What stands in /proc/self/maps about the first byte: whether it is shared, of which file, where.
struct Behind {
  bool shared = false, writable = false;
  std::uint64_t inode = 0;
  std::size_t offset = 0;  // of the byte that was asked for
  std::size_t left = 0;    // bytes to the end of this mapping
};
std::optional<Behind> behind(const void* pointer) {
  std::ifstream maps("/proc/self/maps");
  const auto at = reinterpret_cast<std::uintptr_t>(pointer);
  for (std::string line; std::getline(maps, line);) {
    std::uintptr_t begin = 0, end = 0;
    char rights[5] = {};
    unsigned long long offset = 0, inode = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx %4s %llx %*x:%*x %llu", &begin, &end, rights, &offset,
                    &inode) != 5)
      continue;
    if (at < begin || at >= end) continue;
    return Behind{rights[3] == 's', rights[1] == 'w', inode,
                  static_cast<std::size_t>(offset) + (at - begin), end - at};
  }
  return std::nullopt;
}

// -1: unknown.
int node_of(std::byte* page) {
  int node = -1;
  constexpr unsigned long kNodeOfAddress = 1 | 2;  // MPOL_F_NODE | MPOL_F_ADDR
  return syscall(SYS_get_mempolicy, &node, nullptr, 0UL, page, kNodeOfAddress) == 0 ? node : -1;
}

}  // namespace

Result<void*> HostAllocations::allocate(const MappingOptions& options) {
  HFR_ASSIGN(SharedMapping mapping, SharedMapping::create(options));
  std::byte* const data = mapping.data();
  const std::lock_guard lock(mutex_);
  by_address_.try_emplace(data, Entry{std::move(mapping), {}, ++last_id_, options.bytes, 0});
  changed();
  return static_cast<void*>(data);
}

Status HostAllocations::free(void* pointer) {
  Entry entry;
  {
    const std::lock_guard lock(mutex_);
    const auto found = by_address_.find(static_cast<const std::byte*>(pointer));
    if (found == by_address_.end() || found->second.adopted) {
      return Status(Code::kInvalidArgument,
                    fmt::format("{} was not allocated here, or was freed already", pointer));
    }
    entry = std::move(found->second);
    by_address_.erase(found);
    changed();
  }
  // Unmapped outside of the lock: a gigabyte takes its time.
  return {};
}

Result<std::uint64_t> HostAllocations::adopt(void* pointer, std::size_t bytes, int fd,
                                             std::size_t offset) {
  struct stat facts {};
  if (::fstat(fd, &facts) != 0) return unfit(system_error("its descriptor").text());
  const auto size = static_cast<std::size_t>(facts.st_size);
  if (bytes == 0) return unfit("it has no bytes");
  if (offset > size || bytes > size - offset)
    return unfit(fmt::format("{} bytes from {} on reach past the descriptor's end at {}", bytes,
                             offset, size));
  const auto place = behind(pointer);
  if (!place || !place->shared || place->inode != facts.st_ino || place->offset != offset)
    return unfit("it is not a shared mapping of this descriptor at this offset");
  if (!place->writable) return unfit("it is read-only");
  if (place->left < bytes) return unfit("it ends before the bytes do");
  UniqueFd own(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!own) return system_error("duplicating a descriptor");
  auto* const at = static_cast<const std::byte*>(pointer);
  const std::lock_guard lock(mutex_);
  const auto after = by_address_.lower_bound(at + bytes);
  if (after != by_address_.begin() && std::prev(after)->first + std::prev(after)->second.bytes > at)
    return unfit("some of it is registered or was allocated by hfreduceMemAlloc");
  by_address_.try_emplace(at, Entry{{}, std::move(own), ++last_id_, bytes, offset});
  changed();
  return last_id_;
}

HostAllocations::Entries::const_iterator HostAllocations::entry_of(std::uint64_t id) const {
  return std::find_if(by_address_.begin(), by_address_.end(),
                      [id](const auto& entry) { return entry.second.id == id; });
}

Status HostAllocations::release(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  const auto entry = entry_of(id);
  if (entry == by_address_.end() || !entry->second.adopted)
    return Status(Code::kInvalidArgument, "this is not registered, or not any more");
  by_address_.erase(entry);
  changed();
  return {};
}

UniqueFd HostAllocations::duplicate(std::uint64_t id) const {
  const std::lock_guard lock(mutex_);
  const auto entry = entry_of(id);
  if (entry == by_address_.end()) return {};
  return UniqueFd(::fcntl(entry->second.fd(), F_DUPFD_CLOEXEC, 0));
}

std::optional<HostRegion> HostAllocations::find(const void* pointer, std::size_t bytes) const {
  const auto* const at = static_cast<const std::byte*>(pointer);
  const std::lock_guard lock(mutex_);
  const auto after = by_address_.upper_bound(at);
  if (after == by_address_.begin()) return std::nullopt;
  const auto& [begin, entry] = *std::prev(after);
  const auto offset = static_cast<std::size_t>(at - begin);
  if (offset > entry.bytes || bytes > entry.bytes - offset) return std::nullopt;
  return HostRegion{entry.id, entry.fd(), entry.offset + offset, entry.bytes - offset,
                    entry.mapping.page_bytes()};
}

std::size_t HostAllocations::total_bytes() const {
  const std::lock_guard lock(mutex_);
  std::size_t total = 0;
  for (const auto& [address, entry] : by_address_) total += entry.mapping.bytes();
  return total;
}

std::string HostAllocations::to_json() const {
  struct Sum {
    std::size_t bytes = 0, pieces = 0;
  };
  std::map<std::pair<std::size_t, int>, Sum> sums;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [address, entry] : by_address_) {
      if (entry.adopted) continue;
      Sum& sum = sums[{entry.mapping.page_bytes(), node_of(entry.mapping.data())}];
      sum.bytes += entry.mapping.bytes();
      ++sum.pieces;
    }
  }
  std::string list;
  for (const auto& [where, sum] : sums)
    list += fmt::format(R"({}{{"page_bytes":{},"numa_node":{},"bytes":{},"pieces":{}}})",
                        list.empty() ? "" : ",", where.first,
                        where.second < 0 ? "null" : std::to_string(where.second), sum.bytes,
                        sum.pieces);
  return "[" + list + "]";
}

HostAllocations& host_allocations() {
  static auto* const allocations = new HostAllocations;
  return *allocations;
}

Result<void*> allocate_host(std::size_t bytes, std::size_t page_bytes, int numa_node) {
  MappingOptions options;
  options.bytes = bytes;
  options.page_bytes = page_bytes;
  options.numa_node = numa_node;
  return host_allocations().allocate(options);
}

Status free_host(void* pointer) { return host_allocations().free(pointer); }

}  // namespace hfreduce::memory
