// Memory that the ranks of one host share: a barrier, mailboxes, and the buffers that are reduced.
// It has no name anywhere, so nothing is left behind however the processes end.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace hfreduce::perf {

struct ArenaHeader {
  std::uint64_t magic;
  std::uint64_t nonce[2];
  std::uint64_t buffer_bytes;  // of each buffer
  std::uint32_t members;
  // 1 + the member that failed first; everybody who waits gives up.
  alignas(64) std::atomic<std::uint32_t> failed;
  alignas(64) std::atomic<std::uint32_t> arrived;
  alignas(64) std::atomic<std::uint32_t> generation;
  alignas(64) std::atomic<std::uint32_t> id_ready;
  char id[128];
  // Two lines that probes hand over and back.
  alignas(64) std::atomic<std::uint64_t> ping;
  alignas(64) std::atomic<std::uint64_t> pong;
};

struct UnmapArena {
  std::size_t bytes = 0;
  void operator()(std::byte* base) const noexcept;
};

class Arena {
 public:
  static constexpr std::size_t kMailbox = 32768;

  // `members` ranks with two buffers each.
  static Arena create(int members, std::uint64_t buffer_bytes);
  // What another process created, by its descriptor. `nonce`: of the arena that is meant; nullptr:
  // whichever it is.
  static Arena attach(int fd, const std::uint64_t* nonce);

  int fd() const noexcept { return fd_; }
  ArenaHeader& header() const noexcept { return *reinterpret_cast<ArenaHeader*>(base_.get()); }
  int members() const noexcept { return static_cast<int>(header().members); }
  std::span<std::byte> mailbox(int member) const;
  // which: 0 or 1.
  std::span<std::byte> buffer(int member, int which) const;
  // A window of Staged::kWindow for each member.
  std::span<std::byte> windows() const;
  // Where these bytes lie in the descriptor.
  std::size_t offset_of(std::span<const std::byte> bytes) const {
    return static_cast<std::size_t>(bytes.data() - base_.get());
  }

 private:
  static Arena map(int fd, std::size_t bytes);

  int fd_ = -1;  // stays open: others may still attach
  std::unique_ptr<std::byte, UnmapArena> base_;
};

// Throws with a sentence when so many buffers do not fit into this host's memory.
void check_memory(int members, std::uint64_t buffer_bytes);

}  // namespace hfreduce::perf
