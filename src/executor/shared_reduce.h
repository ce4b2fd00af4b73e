// How several threads carry out a reduction together (docs/design/009-workers.md).
#pragma once

#include <array>
#include <cstdint>

#include "executor/reduction.h"
#include "workers/pool.h"

namespace hfreduce::executor {

// Bytes of a call, of each rank, that are worth waking workers up; and of one of its steps, sources
// and destinations together, that are worth cutting into pieces.
inline constexpr std::uint64_t kShareCallsFrom = 2 << 20, kShareFrom = 128 << 10;

// Hands large reductions out to workers, one at a time; everything is done alone until a desk is
// hired.
class SharedReduce {
 public:
  SharedReduce() = default;
  ~SharedReduce() { end_call(); }
  SharedReduce(const SharedReduce&) = delete;
  SharedReduce& operator=(const SharedReduce&) = delete;

  // From now on `threads` workers are to help; `owner` is told when they have done the last piece.
  void hire(std::int32_t threads, const workers::Desk::Owner& owner);
  bool hired() const noexcept { return desk_ != nullptr; }

  // Of so many bytes; what begins until end_call() is a part of it.
  void begin_call(std::uint64_t bytes) noexcept { worth_it_ = bytes >= kShareCallsFrom; }
  bool worth_it() const noexcept { return worth_it_ && desk_ != nullptr; }
  // In the middle of a reduction that ends half done. Afterwards nobody touches any memory.
  void end_call() noexcept;

  // Begins to share; false: this one is to be done alone. The pointers are copied.
  bool begin(const Reduction& reduction) noexcept;
  // Does a piece of it, if one is left. Returns whether there was one.
  bool work() noexcept { return desk_->work(); }
  // True once all of it is done: then the next may begin.
  bool finish() noexcept;

 private:
  static void do_piece(const void* self, std::uint32_t number) noexcept;
  void expect(workers::Crew* crew) noexcept;
  void cut(std::uint64_t touched, std::int32_t threads) noexcept;

  workers::Lease desk_;
  std::int32_t threads_ = 0;
  bool worth_it_ = false;
  workers::Crew* crew_ = nullptr;  // that has helped with this call
  Reduction reduction_;
  std::array<const void*, kMostOperands> sources_;
  std::array<void*, kMostOperands> destinations_;
  // Piece n is the elements n * piece_ - head_ .. (n + 1) * piece_ - head_, as far as there are
  // any: so that the first destination is cut between two lines.
  std::uint64_t piece_ = 0, head_ = 0;
  std::uint32_t pieces_ = 0;
};

}  // namespace hfreduce::executor
