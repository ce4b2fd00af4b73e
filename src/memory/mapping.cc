#include "memory/mapping.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace hfreduce::memory {
namespace {

// Populating is done in pieces, which signals can interrupt.
constexpr std::size_t kPiece = 64 << 20;

Result<std::byte*> map(std::size_t bytes, int flags, int fd, std::size_t offset) {
  void* data =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags, fd, static_cast<off_t>(offset));
  if (data == MAP_FAILED) return memory_failure("mapping", bytes);
  return static_cast<std::byte*>(data);
}

}  // namespace

Status memory_failure(const char* doing, std::size_t bytes) {
  const int error_number = errno;
  Status status = system_error(fmt::format("{} {} bytes of memory", doing, bytes), error_number);
  switch (error_number) {
    case EMFILE:
    case ENFILE:
      return Status(
          Code::kSystemError,
          status.text() + "; each piece of shared memory needs a descriptor: raise ulimit -n");
    case ENOMEM:
      return Status(Code::kOutOfMemory,
                    status.text() + "; is a limit (cgroup, container, ulimit -v) in the way?");
    case ENOSPC:  // a full memory file system is lack of memory by another name
    case EFBIG:
    case EDQUOT:
      return Status(Code::kOutOfMemory, status.text());
    default:
      return status;
  }
}

Result<Mapping> Mapping::anonymous(std::size_t bytes) {
  HFR_ASSIGN(std::byte * data, map(bytes, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  return Mapping(data, bytes);
}

Result<Mapping> Mapping::shared(int fd, std::size_t offset, std::size_t bytes) {
  HFR_ASSIGN(std::byte * data, map(bytes, MAP_SHARED, fd, offset));
  return Mapping(data, bytes);
}

Mapping::~Mapping() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

Status Mapping::populate(std::size_t offset, std::size_t bytes, int fd) const {
  static const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t end = offset + bytes;
  for (std::size_t at = offset / page * page; at < end;) {
    const std::size_t piece = std::min(end - at, kPiece);
    int failure = ::madvise(data_ + at, piece, MADV_POPULATE_WRITE);
    if (failure != 0 && errno == EINVAL) {
      if (fd < 0) return {};
      failure = ::fallocate(fd, 0, static_cast<off_t>(at), static_cast<off_t>(piece));
    }
    if (failure != 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (failure != 0 && errno == EFAULT) errno = ENOMEM;  // what would have been SIGBUS
    if (failure != 0) return memory_failure("taking", bytes);
    at += piece;
  }
  return {};
}

Status Mapping::keep_from_children() const {
  if (::madvise(data_, size_, MADV_DONTFORK) == 0) return {};
  return memory_failure("keeping from forked children", size_);
}

}  // namespace hfreduce::memory
