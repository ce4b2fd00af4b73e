#include "memory/shared_mapping.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <linux/memfd.h>
#include <linux/mempolicy.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <limits>

#include "base/log.h"
#include "memory/limits.h"

namespace hfreduce::memory {
namespace {

constexpr std::size_t kHuge = 2 << 20;

std::size_t system_page() noexcept {
  static const auto bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return bytes;
}

// 0: does not fit.
std::size_t round_up(std::size_t bytes, std::size_t page) noexcept {
  if (bytes == 0) return page;
  constexpr auto kMost = static_cast<std::size_t>(std::numeric_limits<std::int64_t>::max());
  return bytes > kMost - page ? 0 : (bytes + page - 1) / page * page;
}

Status check_wishes(const MappingOptions& options) {
  if (options.page_bytes != 0 &&
      (!std::has_single_bit(options.page_bytes) || options.page_bytes < system_page())) {
    return Status(Code::kInvalidArgument,
                  fmt::format("a page size of {} bytes: must be 0 or a power of two from {} on",
                              options.page_bytes, system_page()));
  }
  if (options.numa_node < -1) {
    return Status(Code::kInvalidArgument, fmt::format("NUMA node {} is none", options.numa_node));
  }
  const std::string node = fmt::format("/sys/devices/system/node/node{}", options.numa_node);
  if (options.numa_node > 0 && ::access(node.c_str(), F_OK) != 0) {
    return Status(Code::kInvalidArgument,
                  fmt::format("there is no NUMA node {} on this host ({} is missing)",
                              options.numa_node, node));
  }
  return {};
}

Status prefer_node(std::byte* data, std::size_t bytes, int node) {
  if (node < 0) return {};
  unsigned long mask[1024 / (8 * sizeof(unsigned long))] = {};
  constexpr std::size_t kBits = 8 * sizeof mask[0];
  const auto bit = static_cast<std::size_t>(node);
  if (bit >= 8 * sizeof mask - 1) {
    return Status(Code::kInvalidArgument, fmt::format("NUMA node {} is none", node));
  }
  mask[bit / kBits] = 1ul << (bit % kBits);
  // Without NUMA in the kernel, or where a sandbox forbids the call, memory comes from where it
  // comes from.
  if (::syscall(SYS_mbind, data, bytes, MPOL_PREFERRED, mask, 8 * sizeof mask, 0) == 0 ||
      errno == ENOSYS || errno == EPERM) {
    return {};
  }
  return system_error(fmt::format("preferring NUMA node {} for {} bytes", node, bytes));
}

}  // namespace

Result<SharedMapping> SharedMapping::create(const MappingOptions& options) {
  HFR_TRY(check_wishes(options));
  if (round_up(options.bytes, system_page()) == 0) {
    return Status(Code::kOutOfMemory,
                  fmt::format("{} bytes are more than there are addresses for", options.bytes));
  }
  const std::size_t huge = options.page_bytes > system_page()                  ? options.page_bytes
                           : options.page_bytes == 0 && options.bytes >= kHuge ? kHuge
                                                                               : 0;
  if (huge != 0 && round_up(options.bytes, huge) != 0) {
    auto mapping = create_with_pages(options, huge);
    if (mapping.ok()) return mapping;
    if (options.page_bytes == 0) {
      HFR_LOG(kTrace, "memory", "no {} byte pages: {}", huge, mapping.status().text());
    } else {
      HFR_LOG(
          kWarn, "memory",
          "no {} byte pages, ordinary ones are taken ({}); the pool is /proc/sys/vm/nr_hugepages",
          huge, mapping.status().text());
    }
  }
  return create_with_pages(options, 0);
}

// huge_bytes 0: ordinary pages.
Result<SharedMapping> SharedMapping::create_with_pages(const MappingOptions& options,
                                                       std::size_t huge_bytes) {
  const std::size_t page = huge_bytes != 0 ? huge_bytes : system_page();
  const std::size_t bytes = round_up(options.bytes, page);
  unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  if (huge_bytes != 0) {
    // The pool's pages are not among what the machine has available: mmap reserves them or fails.
    flags |= MFD_HUGETLB | static_cast<unsigned>(std::countr_zero(huge_bytes)) << MFD_HUGE_SHIFT;
  } else {
    HFR_TRY(check_memory_left(bytes));
  }
  UniqueFd fd(::memfd_create("hfreduce", flags));
  if (!fd) return memory_failure("making", bytes);
  if (::ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0) return memory_failure("sizing", bytes);
  constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
  if (::fcntl(fd.get(), F_ADD_SEALS, kSeals) != 0) return memory_failure("sealing", bytes);
  HFR_ASSIGN(SharedMapping mapping, map(std::move(fd), 0, bytes));
  mapping.page_bytes_ = page;
  HFR_TRY(prefer_node(mapping.data(), bytes, options.numa_node));
  if (huge_bytes == 0) {
    // Advice only: whether the kernel follows it is
    // /sys/kernel/mm/transparent_hugepage/shmem_enabled's.
    const bool small = options.page_bytes != 0 && options.page_bytes <= system_page();
    static_cast<void>(::madvise(mapping.data(), bytes, small ? MADV_NOHUGEPAGE : MADV_HUGEPAGE));
  }
  HFR_TRY(mapping.memory_.populate(0, bytes, mapping.fd()));
  if (!options.in_child) HFR_TRY(mapping.memory_.keep_from_children());
  return mapping;
}

Result<SharedMapping> SharedMapping::map(UniqueFd fd, std::size_t offset, std::size_t bytes) {
  HFR_ASSIGN(Mapping memory, Mapping::shared(fd.get(), offset, bytes));
  return SharedMapping(std::move(fd), std::move(memory), system_page());
}

}  // namespace hfreduce::memory
