// An owned piece of address space, and the taking of its pages.
#pragma once

#include <cstddef>
#include <utility>

#include "base/status.h"

namespace hfreduce::memory {

// Unmaps what it holds.
class Mapping {
 public:
  // Private zeroed memory; pages come when they are touched or populated.
  static Result<Mapping> anonymous(std::size_t bytes);
  // `bytes` of a shared memory object from `offset` (a multiple of its page size) on. The caller
  // has made sure that it is that long and stays so.
  static Result<Mapping> shared(int fd, std::size_t offset, std::size_t bytes);

  Mapping() noexcept = default;
  Mapping(Mapping&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Mapping& operator=(Mapping&& other) noexcept {
    Mapping taken(std::move(other));
    std::swap(data_, taken.data_);
    std::swap(size_, taken.size_);
    return *this;
  }
  ~Mapping();

  std::byte* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }

  // Has the kernel provide the pages now, so that a lack of memory is an error here and not a
  // SIGBUS or a page fault in the middle of an operation. `fd` is asked for them where the kernel
  // cannot populate (before Linux 5.14); -1: then they come when they are touched.
  Status populate(std::size_t offset, std::size_t bytes, int fd = -1) const;
  // Not in children forked from now on.
  Status keep_from_children() const;

 private:
  Mapping(std::byte* data, std::size_t size) noexcept : data_(data), size_(size) {}

  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

// The failure of a system call about memory, with errno's name and, where one is known, the remedy.
Status memory_failure(const char* doing, std::size_t bytes);

}  // namespace hfreduce::memory
