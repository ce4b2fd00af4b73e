// Collectives by hand through memory that the ranks of a host share, for buffers that only their
// owner can touch: what staging allows on this machine, with nothing around it that a library
// needs.
//
// All members call the same, one after the other. Sums are of 64-bit integers: what counts is the
// traffic.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace hfreduce::perf {

struct StagedBuffers {
  const std::byte* in = nullptr;
  std::byte* out = nullptr;  // in place: the same
  std::uint64_t bytes = 0;
  bool past_caches = false;  // results that are copied out: by stores that do not fetch lines first
};

class Staged {
 public:
  // Of the window that each member gives.
  static constexpr std::size_t kWindow = 2 << 20;

  // `windows`: one a member, in their order, zeroed at first. `yielding`: members share cores.
  Staged(std::span<std::byte> windows, int members, int index, bool yielding);

  // The largest piece that two_shot and broadcast take; 0: too many members for the windows.
  std::uint64_t most_piece() const noexcept;

  // Whether so many bytes can be summed in one shot.
  bool fits_one_shot(std::uint64_t bytes) const noexcept;

  // Before calls of another kind or size, when nobody is inside a call any more, and nobody is to
  // call before all have done this.
  void renew() noexcept;
  // Everybody reads everybody's. Slots change their owner with each call, so that a line is next
  // written by who read it last.
  void one_shot(const StagedBuffers& buffers);
  // Each member sums its share of the elements and leaves the result in the slots that it read,
  // where the others fetch it. Piece by piece, with a piece put while the one before is summed.
  void two_shot(const StagedBuffers& buffers, std::uint64_t piece);
  // The root's piece after piece. `streaming`: by stores that do not fetch the line first.
  void broadcast(const StagedBuffers& buffers, int root, std::uint64_t piece, bool streaming);

 private:
  // At the head of a window; counts pieces over all calls.
  struct Counts {
    alignas(64) std::atomic<std::uint64_t> put;   // that this member has put into slots
    alignas(64) std::atomic<std::uint64_t> done;  // that it has summed, or taken
  };
  struct Slot {
    std::atomic<std::uint64_t>* flag;  // in the line before the payload
    std::byte* payload;
  };
  struct Part {
    std::uint64_t begin, bytes;
  };

  Counts& counts(int member) const noexcept;
  Slot slot(int window, std::uint64_t number, std::uint64_t piece) const noexcept;
  Part part(int owner, std::uint64_t turn, std::uint64_t piece, std::uint64_t bytes) const noexcept;
  void wait(const std::atomic<std::uint64_t>& counter, std::uint64_t value) const;
  void put(const StagedBuffers& buffers, std::uint64_t turn, std::uint64_t piece);
  void sum(const StagedBuffers& buffers, std::uint64_t turn, std::uint64_t piece);
  void take(const StagedBuffers& buffers, std::uint64_t turn, std::uint64_t piece);
  void end(std::uint64_t turns);

  std::byte* windows_;
  int members_, index_;
  bool yielding_;
  std::vector<std::byte*> others_;  // slots of others; kept, since allocating takes time
  std::uint64_t turns_ = 0;         // of all calls so far
};

}  // namespace hfreduce::perf
