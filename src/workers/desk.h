// A job cut into pieces that several threads do: its owner, and workers that come by. Who takes a
// piece does it to the end; what nobody has taken can be withdrawn.
//
// One word says which job lies here, how many of its pieces were taken, and how many there are. A
// piece is taken by raising it, so a thread that was held up between looking and taking finds
// another job's number there, and takes nothing.
#pragma once

#include <atomic>
#include <cstdint>

namespace hfreduce::workers {

struct Crew;

class Desk {
 public:
  static constexpr std::uint32_t kMostPieces = 0xffff;

  struct Job {
    void (*piece)(const void* self, std::uint32_t number) noexcept = nullptr;
    const void* self = nullptr;
    std::uint32_t pieces = 0;  // 1 .. kMostPieces
  };
  // Whom to tell that the last piece is done, where a worker did it.
  struct Owner {
    void (*wake)(const void* self) noexcept = nullptr;
    const void* self = nullptr;
  };

  // ---- the owner, one thread at a time

  // Lays out a job for the workers of a crew. Only where none lies here.
  void open(const Job& job, Crew& crew) noexcept;
  // Does one piece. False: all are taken.
  bool work() noexcept;
  // All pieces are done, and what was written by whoever did them is to be seen.
  bool done() const noexcept { return done_.load(std::memory_order_acquire) == pieces_; }
  // Nobody takes a piece any more; returns when nobody is at one.
  void withdraw() noexcept;
  // Clears a job that is done.
  void close() noexcept { pieces_ = 0; }
  bool empty() const noexcept { return pieces_ == 0; }

  // ---- workers

  // Does pieces of this crew's job until none is left. Returns whether there was one.
  bool help(const Crew& crew) noexcept;
  bool wants(const Crew& crew) const noexcept {
    const std::uint64_t word = word_.load(std::memory_order_seq_cst);
    return taken(word) < total(word) && crew_.load(std::memory_order_relaxed) == &crew;
  }

  // ---- the pool

  void lease(const Owner& owner) noexcept { owner_ = owner; }
  // Returns when no worker will touch the owner any more.
  void end_lease() noexcept;

 private:
  // number of the job << 32 | pieces taken << 16 | pieces
  static std::uint32_t taken(std::uint64_t word) noexcept { return word >> 16 & 0xffff; }
  static std::uint32_t total(std::uint64_t word) noexcept { return word & 0xffff; }
  static constexpr std::uint64_t kOneTaken = 1 << 16;

  // Returns the word before a piece was taken; without a piece left: none was.
  std::uint64_t take() noexcept;

  alignas(64) std::atomic<std::uint64_t> word_{0};
  std::atomic<Crew*> crew_{nullptr};
  alignas(64) std::atomic<std::uint32_t> done_{0};
  std::atomic<std::uint32_t> inside_{0};  // workers between looking for a piece and leaving
  alignas(64) Job job_;                   // read by who has taken a piece
  Owner owner_;
  std::uint32_t pieces_ = 0;  // the owner's; 0: no job
};

}  // namespace hfreduce::workers
