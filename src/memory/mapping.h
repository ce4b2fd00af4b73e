// An owned piece of address space.
#pragma once

#include <cstddef>
#include <utility>

#include "base/status.h"

namespace hfreduce::memory {

// Unmaps what it holds. Is not copied into a forked child.
class Mapping {
 public:
  // Private zeroed memory.
  static Result<Mapping> anonymous(std::size_t bytes);
  // The first `bytes` of a shared memory object.
  static Result<Mapping> shared(int fd, std::size_t bytes);

  Mapping() noexcept = default;
  Mapping(Mapping&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Mapping& operator=(Mapping&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~Mapping();

  std::byte* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }

  // Has the kernel provide the pages now, so that a lack of memory is an error here and not a
  // SIGBUS or a page fault in the middle of an operation.
  Status populate(std::size_t offset, std::size_t bytes) const;

 private:
  Mapping(std::byte* data, std::size_t size) noexcept : data_(data), size_(size) {}

  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace hfreduce::memory
