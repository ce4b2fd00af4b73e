// Reading what lies in a peer's private memory: the kernel copies it once, out of the peer's pages
// (process_vm_readv), where the system lets this process do so.
//
// A process number alone says too little: it may name another process in another namespace, or
// later. So each rank keeps a random token, and every read brings the token along, from the same
// process and in the same call.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/status.h"
#include "transport/shm/window.h"

namespace hfreduce::transport {

class PeerReads {
 public:
  // What is read in one go at most, so that an abort is heard soon.
  static constexpr std::size_t kPiece = 256 << 10;

  PeerReads() = default;
  PeerReads(const PeerReads&) = delete;  // peers find the token where it is
  PeerReads& operator=(const PeerReads&) = delete;

  // Writes into `mine` how this process is found.
  Status announce(ProcessLine& mine) noexcept;
  // Once all ranks of the host have announced themselves: reads from each. kSystemError: which of
  // them cannot be read (`*refused`, its number on this host), why, and what would help.
  Status try_all(const Windows& windows, int* refused);
  // All ranks of the host have tried, with success.
  void allow() noexcept { allowed_ = true; }
  bool allowed() const noexcept { return allowed_; }

  // Where peers find this buffer of ours; an empty offer: they cannot, for memory of a device is
  // not read so. (Looks at both ends only.)
  Offer offer(const void* buffer, std::size_t bytes) const noexcept;
  // Reads `bytes`, but not more than a piece, and returns how many have come: more than 0.
  // kPeerDead: the process is not there any more. kInvalidArgument: there is no such memory, there
  // or here. kSystemError: the system does not allow it any more.
  Result<std::size_t> read(std::int32_t local, std::uint64_t from, std::byte* to,
                           std::size_t bytes) const;

 private:
  using Token = std::array<std::uint64_t, 2>;
  struct Process {
    std::int32_t pid = 0;
    std::uint64_t token_at = 0;
    Token token{};
  };
  static Process process_of(const ProcessLine& line) noexcept;
  // As process_vm_readv, but counts the bytes behind the token; -1: not that process, with errno.
  static std::int64_t read_from(const Process& process, std::uint64_t from, void* to,
                                std::size_t bytes) noexcept;

  bool allowed_ = false;
  alignas(16) Token token_{};
  std::vector<Process> processes_;  // by number on this host
};

}  // namespace hfreduce::transport
