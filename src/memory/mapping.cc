#include "memory/mapping.h"

#include <fmt/core.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

namespace hfreduce::memory {
namespace {

Result<std::byte*> map(std::size_t bytes, int flags, int fd) {
  void* data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags | MAP_NORESERVE, fd, 0);
  if (data == MAP_FAILED) return system_error(fmt::format("mapping {} bytes of memory", bytes));
  madvise(data, bytes, MADV_DONTFORK);
  return static_cast<std::byte*>(data);
}

}  // namespace

Result<Mapping> Mapping::anonymous(std::size_t bytes) {
  HFR_ASSIGN(std::byte * data, map(bytes, MAP_PRIVATE | MAP_ANONYMOUS, -1));
  return Mapping(data, bytes);
}

Result<Mapping> Mapping::shared(int fd, std::size_t bytes) {
  HFR_ASSIGN(std::byte * data, map(bytes, MAP_SHARED, fd));
  return Mapping(data, bytes);
}

Mapping::~Mapping() {
  if (data_ != nullptr) munmap(data_, size_);
}

Status Mapping::populate(std::size_t offset, std::size_t bytes) const {
  const std::size_t page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const std::size_t begin = offset / page * page;
  const std::size_t end = offset + bytes;
  if (bytes == 0) return {};
  if (madvise(data_ + begin, end - begin, MADV_POPULATE_WRITE) == 0) return {};
  if (errno == EINVAL) return {};  // a kernel before 5.14: pages come when they are touched
  const int error = errno;
  Status failure = system_error(fmt::format("getting {} bytes of memory", bytes), error);
  return Status(Code::kOutOfMemory,
                failure.text() + "; is a memory limit (cgroup, container) in the way?");
}

}  // namespace hfreduce::memory
