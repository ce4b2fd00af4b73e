#include "memory/host_allocations.h"

#include <fmt/core.h>

#include <iterator>

namespace hfreduce::memory {

Result<void*> HostAllocations::allocate(const MappingOptions& options) {
  HFR_ASSIGN(SharedMapping mapping, SharedMapping::create(options));
  std::byte* const data = mapping.data();
  const std::lock_guard lock(mutex_);
  by_address_.try_emplace(data, Entry{std::move(mapping), options.bytes});
  return static_cast<void*>(data);
}

Status HostAllocations::free(void* pointer) {
  Entry entry;
  {
    const std::lock_guard lock(mutex_);
    const auto found = by_address_.find(static_cast<const std::byte*>(pointer));
    if (found == by_address_.end()) {
      return Status(Code::kInvalidArgument,
                    fmt::format("{} was not allocated here, or was freed already", pointer));
    }
    entry = std::move(found->second);
    by_address_.erase(found);
  }
  // Unmapped outside of the lock: a gigabyte takes its time.
  return {};
}

std::optional<HostRegion> HostAllocations::find(const void* pointer, std::size_t bytes) const {
  const auto* const at = static_cast<const std::byte*>(pointer);
  const std::lock_guard lock(mutex_);
  auto after = by_address_.upper_bound(at);
  if (after == by_address_.begin()) return std::nullopt;
  const Entry& entry = std::prev(after)->second;
  const auto offset = static_cast<std::size_t>(at - entry.mapping.data());
  if (offset > entry.bytes || bytes > entry.bytes - offset) return std::nullopt;
  return HostRegion{entry.mapping.fd(), offset, entry.bytes - offset, entry.mapping.page_bytes()};
}

std::size_t HostAllocations::total_bytes() const {
  const std::lock_guard lock(mutex_);
  std::size_t total = 0;
  for (const auto& [address, entry] : by_address_) total += entry.mapping.bytes();
  return total;
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
