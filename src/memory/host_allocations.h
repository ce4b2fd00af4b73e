// The table behind hfreduceMemAlloc and hfreduceMemFree: host memory that peers can map, found
// again by any pointer into it.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <optional>

#include "base/status.h"
#include "memory/shared_mapping.h"

namespace hfreduce::memory {

// Where a pointer lies, in terms that another process understands.
struct HostRegion {
  int fd = -1;             // valid until the memory is freed: duplicate it to keep it
  std::size_t offset = 0;  // of the pointer in fd
  std::size_t bytes = 0;   // from the pointer to the end of what was asked for
  std::size_t page_bytes = 0;
};

// Thread-safe.
class HostAllocations {
 public:
  // As MappingOptions says. 0 bytes is legal: a pointer of its own, to nothing.
  Result<void*> allocate(const MappingOptions& options);
  // kInvalidArgument: not a pointer that allocate() gave, or freed already. nullptr is none of its
  // pointers.
  Status free(void* pointer);
  // The region in which `bytes` bytes from `pointer` lie whole; nothing when they do not.
  std::optional<HostRegion> find(const void* pointer, std::size_t bytes) const;
  // Of all that is allocated, in whole pages.
  std::size_t total_bytes() const;

 private:
  struct Entry {
    SharedMapping mapping;
    std::size_t bytes = 0;  // as asked for
  };
  mutable std::mutex mutex_;
  std::map<const std::byte*, Entry> by_address_;
};

// The process's own. Lives to the end of the process: memory that was not freed stays usable in the
// destructors of others.
HostAllocations& host_allocations();

// numa_node -1: the calling thread's; page_bytes 0: the largest to be had.
Result<void*> allocate_host(std::size_t bytes, std::size_t page_bytes, int numa_node);
Status free_host(void* pointer);

}  // namespace hfreduce::memory
