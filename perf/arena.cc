#include "arena.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>

#include <cstdio>
#include <fstream>
#include <string>

#include "failure.h"
#include "sizes.h"
#include "staged.h"

namespace hfreduce::perf {
namespace {

constexpr std::uint64_t kMagic = 0x66726570646572ULL;
constexpr std::size_t kHeader = 4096;
constexpr std::uint64_t kAlign = 2 << 20;

std::uint64_t stride_of(std::uint64_t buffer_bytes) {
  return (buffer_bytes + kAlign - 1) / kAlign * kAlign;
}

std::size_t buffers_at(int members) {
  const std::size_t before = kHeader + static_cast<std::size_t>(members) * Arena::kMailbox;
  return (before + kAlign - 1) / kAlign * kAlign;
}

std::size_t windows_at(int members, std::uint64_t buffer_bytes) {
  return buffers_at(members) + 2 * static_cast<std::size_t>(members) * stride_of(buffer_bytes);
}

std::size_t total_bytes(int members, std::uint64_t buffer_bytes) {
  return windows_at(members, buffer_bytes) + static_cast<std::size_t>(members) * Staged::kWindow;
}

}  // namespace

void UnmapArena::operator()(std::byte* base) const noexcept { munmap(base, bytes); }

Arena Arena::map(int fd, std::size_t bytes) {
  void* base = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (base == MAP_FAILED)
    fail_with_errno(fmt::format("mapping {} of shared memory", show_size(bytes)));
  Arena arena;
  arena.fd_ = fd;
  arena.base_ = {static_cast<std::byte*>(base), UnmapArena{bytes}};
  return arena;
}

Arena Arena::create(int members, std::uint64_t buffer_bytes) {
  const int fd = memfd_create("hfreduce-perf", MFD_CLOEXEC);
  if (fd < 0) fail_with_errno("making shared memory (memfd_create)");
  const std::size_t bytes = total_bytes(members, buffer_bytes);
  if (ftruncate(fd, static_cast<off_t>(bytes)) != 0) {
    fail_with_errno(fmt::format("making {} of shared memory (ftruncate)", show_size(bytes)));
  }
  Arena arena = map(fd, bytes);
  ArenaHeader& header = arena.header();
  header.magic = kMagic;
  header.members = static_cast<std::uint32_t>(members);
  header.buffer_bytes = buffer_bytes;
  if (getrandom(header.nonce, sizeof(header.nonce), 0) != sizeof(header.nonce)) {
    fail_with_errno("getrandom");
  }
  return arena;
}

Arena Arena::attach(int fd, const std::uint64_t* nonce) {
  struct stat about;
  if (fstat(fd, &about) != 0) fail_with_errno("shared memory of the launcher (fstat)");
  if (about.st_size < static_cast<off_t>(kHeader))
    throw Failure("not this program's shared memory");
  Arena arena = map(fd, static_cast<std::size_t>(about.st_size));
  const ArenaHeader& header = arena.header();
  const bool same =
      header.magic == kMagic &&
      (nonce == nullptr || (nonce[0] == header.nonce[0] && nonce[1] == header.nonce[1]));
  if (!same || total_bytes(arena.members(), header.buffer_bytes) !=
                   static_cast<std::size_t>(about.st_size)) {
    throw Failure("not this program's shared memory");
  }
  return arena;
}

std::span<std::byte> Arena::mailbox(int member) const {
  return {base_.get() + kHeader + static_cast<std::size_t>(member) * kMailbox, kMailbox};
}

std::span<std::byte> Arena::buffer(int member, int which) const {
  const std::size_t index = 2 * static_cast<std::size_t>(member) + static_cast<std::size_t>(which);
  const std::uint64_t bytes = header().buffer_bytes;
  return {base_.get() + buffers_at(members()) + index * stride_of(bytes), bytes};
}

std::span<std::byte> Arena::windows() const {
  return {base_.get() + windows_at(members(), header().buffer_bytes),
          static_cast<std::size_t>(members()) * Staged::kWindow};
}

void check_memory(int members, std::uint64_t buffer_bytes) {
  std::ifstream meminfo("/proc/meminfo");
  std::string word;
  std::uint64_t available = 0;
  while (meminfo >> word) {
    if (word == "MemAvailable:" && meminfo >> available) break;
  }
  available *= 1024;
  const double needed = 2.0 * members * static_cast<double>(buffer_bytes);
  if (available == 0 || needed <= 0.9 * static_cast<double>(available)) return;
  throw Failure(
      fmt::format("{} ranks with two buffers of {} each need more memory than the {} that "
                  "this host has available; lower -e or the number of ranks",
                  members, show_size(buffer_bytes), show_size(available)));
}

}  // namespace hfreduce::perf
