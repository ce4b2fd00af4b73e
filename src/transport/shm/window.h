// Mapped links: the windows of the ranks of one host, in one shared memory object that all of them
// map.
//
// A window begins with its rank's doorbell and process, then its flags, then its slots. A flag has
// one writer, the window's owner; slots are written by whomever the schedule says. A
// flag that counts claims is written by all (executor/claim_word.h). Nothing read from a window is
// used as an index or a bound unchecked.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "memory/mapping.h"
#include "transport/link.h"
#include "transport/shm/peer_memory.h"

namespace hfreduce::transport {

// Neighbouring lines are fetched in pairs by common prefetchers, hence 128.
inline constexpr std::size_t kLineBytes = 128;

// A counter that only grows, and the tag of the operation that raised it last.
struct Flag {
  std::atomic<std::uint64_t> value{0};
  std::atomic<std::uint64_t> tag{0};

  void raise(std::uint64_t to, std::uint64_t packed_tag) noexcept {
    tag.store(packed_tag, std::memory_order_relaxed);
    value.store(to, std::memory_order_release);
  }
};

// A flag in a line of its own.
struct alignas(kLineBytes) FlagLine : Flag {
  // With a flag that offers the buffers of a call: where they are, behind the flag's value. The
  // last two offers: where others may do a rank's work, its peers may have made their next ones
  // before it looks.
  struct Offered {
    std::atomic<std::uint64_t> with{0};
    std::array<std::atomic<std::uint64_t>, Offer::kWords> words{};
  };
  std::array<Offered, 2> offered{};

  // Before the flag is raised to this value.
  void write_offer(std::uint64_t with, const Offer& what) noexcept {
    const std::uint64_t words[] = {what.process, what.input.object, what.input.offset,
                                   what.output.object, what.output.offset};
    Offered& offer = offered[with % 2];
    offer.with.store(0, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_release);
    for (std::size_t i = 0; i < Offer::kWords; ++i)
      offer.words[i].store(words[i], std::memory_order_relaxed);
    offer.with.store(with, std::memory_order_release);
  }
  // What was offered with this value. Its owner goes on from an offer that was accepted no further
  // than to the next one before all have seen it; so where it is gone there was none to accept.
  Offer read_offer(std::uint64_t expected) const noexcept {
    const Offered& offer = offered[expected % 2];
    if (offer.with.load(std::memory_order_acquire) != expected) return {};
    std::array<std::uint64_t, Offer::kWords> words;
    for (std::size_t i = 0; i < Offer::kWords; ++i)
      words[i] = offer.words[i].load(std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_acquire);
    if (offer.with.load(std::memory_order_relaxed) != expected) return {};
    return {words[0], {words[1], words[2]}, {words[3], words[4]}};
  }
};
static_assert(sizeof(FlagLine) == kLineBytes && std::atomic<std::uint64_t>::is_always_lock_free);

inline std::uint64_t pack_tag(Tag tag) noexcept {
  return (std::uint64_t{tag.sequence} << 32) | tag.fingerprint;
}
inline Tag unpack_tag(std::uint64_t packed) noexcept {
  return {static_cast<std::uint32_t>(packed >> 32), static_cast<std::uint32_t>(packed)};
}

// How a sleeping rank is woken; see doorbell.h.
struct alignas(kLineBytes) DoorbellLine {
  std::atomic<std::uint32_t> mode{0};
  std::atomic<std::uint32_t> rings{0};
  std::atomic<std::uint64_t> name{
      0};  // of its datagram socket in the abstract namespace, 5 characters
};

// Whose memory this rank's is, for peers that may read it; see peer_reads.h.
struct alignas(kLineBytes) ProcessLine {
  std::atomic<std::uint64_t> pid{0};  // as the rank itself sees it; 0: not said
  std::atomic<std::uint64_t> token_at{0};
  std::array<std::atomic<std::uint64_t>, 2> token{};
};

// What a window begins with; flags follow.
struct WindowHead {
  DoorbellLine doorbell;
  ProcessLine process;
};

// The windows of this rank's host as this rank has them mapped.
class Windows {
 public:
  // `fd` holds `ranks` windows of `bytes` each, this rank's being number `mine`.
  static Result<Windows> shared(int fd, std::size_t bytes, int ranks, int mine);
  // A rank alone on its host: one private window.
  static Result<Windows> alone(std::size_t bytes);

  int count() const noexcept { return ranks_; }
  int mine() const noexcept { return mine_; }
  std::size_t bytes() const noexcept { return bytes_; }
  std::byte* window(int local_rank) const noexcept {
    return mapping_.data() + static_cast<std::size_t>(local_rank) * bytes_;
  }
  std::byte* own() const noexcept { return window(mine_); }
  DoorbellLine& doorbell(int local_rank) const noexcept { return head(local_rank).doorbell; }
  ProcessLine& process(int local_rank) const noexcept { return head(local_rank).process; }
  // Bytes of the own window that a page stands behind.
  Status populate_own(std::size_t offset, std::size_t bytes) const {
    return mapping_.populate(static_cast<std::size_t>(mine_) * bytes_ + offset, bytes);
  }

 private:
  WindowHead& head(int local_rank) const noexcept {
    return *reinterpret_cast<WindowHead*>(window(local_rank));
  }

  memory::Mapping mapping_;
  std::size_t bytes_ = 0;
  int ranks_ = 1, mine_ = 0;
};

}  // namespace hfreduce::transport
