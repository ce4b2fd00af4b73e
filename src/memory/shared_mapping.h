// An owned piece of memory that other processes can map: a memfd and this process's mapping of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "base/fd.h"
#include "base/status.h"
#include "memory/mapping.h"

namespace hfreduce::memory {

struct MappingOptions {
  std::size_t bytes = 0;  // rounded up to pages; 0 gets one page
  // Size of the pages: 0 the largest to be had, else a power of two. Only a wish: where there are
  // no such pages (the pool of huge pages is the administrator's), ordinary ones are taken and a
  // log line says so.
  std::size_t page_bytes = 0;
  int numa_node = -1;    // preferred; -1: that of the calling thread
  bool in_child = true;  // false: a forked child does not have it (MADV_DONTFORK)
};

// Move-only. The memory is zero, really there (lack of memory is an error here and no signal later)
// and its size sealed, so that no peer can cut it off under a reader.
class SharedMapping {
 public:
  SharedMapping() noexcept = default;
  // kOutOfMemory with the numbers; kInvalidArgument: no such page size or node; kSystemError.
  static Result<SharedMapping> create(const MappingOptions& options);
  // Maps `bytes` of somebody's descriptor from `offset` (a multiple of its page size) on. The
  // caller has made sure that it is sealed and that long.
  static Result<SharedMapping> map(UniqueFd fd, std::size_t offset, std::size_t bytes);

  std::byte* data() const noexcept { return memory_.data(); }
  std::size_t bytes() const noexcept { return memory_.size(); }  // whole pages
  // Of the mapping as made. Ordinary pages may be joined to huge ones by the kernel behind the
  // scenes.
  std::size_t page_bytes() const noexcept { return page_bytes_; }
  int fd() const noexcept { return fd_.get(); }

 private:
  SharedMapping(UniqueFd fd, Mapping memory, std::size_t page_bytes) noexcept
      : fd_(std::move(fd)), memory_(std::move(memory)), page_bytes_(page_bytes) {}
  static Result<SharedMapping> create_with_pages(const MappingOptions& options,
                                                 std::size_t huge_bytes);

  UniqueFd fd_;
  Mapping memory_;
  std::size_t page_bytes_ = 0;
};

}  // namespace hfreduce::memory
