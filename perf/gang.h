// How ranks of a measurement meet and tell each other figures, beside the calls that are measured.
#pragma once

#include <hfreduce.h>

#include <cstddef>
#include <span>
#include <vector>

#include "arena.h"

namespace hfreduce::perf {

// Tells the processor that this is a loop that waits.
void relax() noexcept;

class Gang {
 public:
  virtual ~Gang() = default;
  // Returns when all have come.
  virtual void fence() = 0;
  // The same number of bytes from each; all of them, in the order of ranks.
  virtual std::vector<std::byte> gather(std::span<const std::byte> mine) = 0;
  // Each value becomes the largest of all ranks.
  virtual void maximum(std::span<double> values) = 0;
};

// Ranks of one host, through the arena: needs nothing of what is measured.
class Team final : public Gang {
 public:
  Team(const Arena& arena, int index, bool outnumbered)
      : arena_(arena), index_(index), outnumbered_(outnumbered) {}
  void fence() override { meet(false); }
  // The same for those who have nothing to do meanwhile and should stay off the cores.
  void fence_asleep() { meet(true); }
  std::vector<std::byte> gather(std::span<const std::byte> mine) override;
  void maximum(std::span<double> values) override;

  const Arena& arena() const noexcept { return arena_; }
  int index() const noexcept { return index_; }
  int size() const noexcept { return arena_.members(); }
  // Whether there are more ranks than cores, so that who waits had better yield.
  bool outnumbered() const noexcept { return outnumbered_; }

 private:
  void meet(bool asleep);

  const Arena& arena_;
  int index_;
  bool outnumbered_;
};

// Ranks anywhere, through allreduces of the library itself.
class Remote final : public Gang {
 public:
  Remote(hfreduceComm_t comm, int rank, int ranks) : comm_(comm), rank_(rank), ranks_(ranks) {}
  void fence() override;
  std::vector<std::byte> gather(std::span<const std::byte> mine) override;
  void maximum(std::span<double> values) override;

 private:
  hfreduceComm_t comm_;
  int rank_, ranks_;
};

}  // namespace hfreduce::perf
