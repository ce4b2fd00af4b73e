// An owned file descriptor.
#pragma once

#include <utility>

namespace hfreduce {

// Closes what it holds, which close-on-exec descriptors of 0 to 2 are moved away from. Every
// descriptor that a UniqueFd holds is also closed in a forked child, so that a child that outlives
// its parent does not keep the parent's connections looking alive to its peers.
class UniqueFd {
 public:
  UniqueFd() noexcept = default;
  explicit UniqueFd(int fd) noexcept;
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~UniqueFd() { reset(); }

  int get() const noexcept { return fd_; }
  bool valid() const noexcept { return fd_ >= 0; }
  explicit operator bool() const noexcept { return valid(); }
  void reset() noexcept;

 private:
  int fd_ = -1;
};

// True in a process that was forked from one in which hfreduce had already been used.
bool in_forked_child() noexcept;

}  // namespace hfreduce
