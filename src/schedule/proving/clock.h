// Vector clocks. An actor is a lane, or what a posted link does for one flag of a sender.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace hfreduce::schedule::proving {

struct Epoch {
  std::uint32_t actor = 0;
  std::int32_t time = 0;  // 0: never
};

class Clock {
 public:
  std::int32_t of(std::uint32_t actor) const { return actor < times_.size() ? times_[actor] : 0; }
  bool knows(const Epoch& epoch) const { return of(epoch.actor) >= epoch.time; }
  void learn(const Epoch& epoch) {
    if (times_.size() <= epoch.actor) times_.resize(epoch.actor + 1);
    times_[epoch.actor] = std::max(times_[epoch.actor], epoch.time);
  }
  void tick(std::uint32_t actor) { learn({actor, of(actor) + 1}); }
  void join(const Clock& other) {
    if (times_.size() < other.times_.size()) times_.resize(other.times_.size());
    std::int32_t* mine = times_.data();
    const std::int32_t* theirs = other.times_.data();
    for (std::size_t i = 0, n = other.times_.size(); i < n; ++i)
      mine[i] = std::max(mine[i], theirs[i]);
  }

  // Keeps what the other one knows as well.
  void meet(const Clock& other) {
    if (times_.size() > other.times_.size()) times_.resize(other.times_.size());
    for (std::size_t i = 0; i < times_.size(); ++i)
      times_[i] = std::min(times_[i], other.times_[i]);
  }

 private:
  std::vector<std::int32_t> times_;
};

}  // namespace hfreduce::schedule::proving
