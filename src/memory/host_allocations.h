// Host memory that peers can map, found again by any pointer into it: what hfreduceMemAlloc gave,
// and callers' own mappings that hfreduceCommRegisterMapping told of.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "base/fd.h"
#include "base/status.h"
#include "memory/shared_mapping.h"

namespace hfreduce::memory {

// Where a pointer lies, in terms that another process understands.
struct HostRegion {
  std::uint64_t id = 0;    // of the object that it is in, unique in this process for ever
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
  // Takes in the caller's own mapping of `fd` from `offset` on, which must stay as it is until
  // release(). kInvalidArgument: the mapping is not one of that descriptor at that offset, is
  // private, reaches past the descriptor's end, or touches what is here already.
  Result<std::uint64_t> adopt(void* pointer, std::size_t bytes, int fd, std::size_t offset);
  Status release(std::uint64_t id);
  // Changes with every change of the table, and is never 0: while it is the same, find() answers
  // the same.
  std::uint64_t version() const noexcept { return version_.load(std::memory_order_acquire); }
  // A new descriptor of the object, for somebody else; invalid: there is no such any more.
  UniqueFd duplicate(std::uint64_t id) const;
  // Of all that is allocated, in whole pages.
  std::size_t total_bytes() const;
  // For people and programs, what allocate() gave: [{"page_bytes":4096,"numa_node":0,"bytes":8192,
  // "pieces":2}], a size of pages and a node once. The node is where a piece's first page really
  // lies, null where the system does not say; bytes in whole pages; what was adopted is its
  // owner's.
  std::string to_json() const;

 private:
  struct Entry {
    SharedMapping mapping;  // of what was adopted: none
    UniqueFd adopted;
    std::uint64_t id = 0;
    std::size_t bytes = 0;   // as asked for
    std::size_t offset = 0;  // in the descriptor

    int fd() const noexcept { return adopted ? adopted.get() : mapping.fd(); }
  };
  using Entries = std::map<const std::byte*, Entry>;
  Entries::const_iterator entry_of(std::uint64_t id) const;
  void changed() noexcept { version_.fetch_add(1, std::memory_order_release); }

  mutable std::mutex mutex_;
  Entries by_address_;
  std::uint64_t last_id_ = 0;
  std::atomic<std::uint64_t> version_{1};
};

// The process's own. Lives to the end of the process: memory that was not freed stays usable in the
// destructors of others.
HostAllocations& host_allocations();

// numa_node -1: the calling thread's; page_bytes 0: the largest to be had.
Result<void*> allocate_host(std::size_t bytes, std::size_t page_bytes, int numa_node);
Status free_host(void* pointer);

}  // namespace hfreduce::memory
