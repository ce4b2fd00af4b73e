// Everything that was ever raised. A mapped flag is one line that its owner writes; a posted one is
// kept apart for each receiver, and the link carries its messages in order.
#pragma once

#include <unordered_map>
#include <vector>

#include "schedule/proving/clock.h"
#include "schedule/schedule.h"

namespace hfreduce::schedule::proving {

// One raise: what who sees it knows from then on.
struct Raise {
  std::uint64_t value = 0;
  Epoch by;  // the lane that raised
  Clock clock;
  const std::int32_t* names = nullptr;
  std::uint32_t named = 0;
};

// A put whose source the link has read at `time` of its own.
struct Sent {
  std::uint64_t tick = 0;
  std::int32_t time = 0;
};

// The last raises of a flag, oldest first. Waits look back a few slots at most; what is older is
// forgotten, and who waits for it learns nothing: that can only show races that are none.
class Raises {
 public:
  // The storage for a new last one, to be filled.
  Raise& next() {
    if (kept_.size() < kMost) return kept_.emplace_back();
    Raise& oldest = kept_[first_];
    forgotten_ = oldest.value;
    first_ = (first_ + 1) % kMost;
    return oldest;
  }
  // The earliest with at least this value, which has been raised; nullptr: forgotten.
  const Raise* satisfying(std::uint64_t value) const {
    if (value <= forgotten_) return nullptr;
    std::size_t low = 0, high = kept_.size() - 1;
    while (low < high) {
      const std::size_t middle = (low + high) / 2;
      if (at(middle).value < value)
        low = middle + 1;
      else
        high = middle;
    }
    return &at(low);
  }

 private:
  static constexpr std::size_t kMost = 64;
  const Raise& at(std::size_t i) const { return kept_[(first_ + i) % kMost]; }

  std::vector<Raise> kept_;
  std::size_t first_ = 0;
  std::uint64_t forgotten_ = 0;
};

// The ranks that may claim the chunks of an iteration, as they come; see claims.cc.
struct Gathering {
  std::uint32_t count = 0;
  std::uint64_t value = 0;
  Clock common;  // what all of them know
};

struct Log {
  std::int32_t owner = 0, receiver = -1;  // receiver -1: a mapped line
  std::uint16_t flag = 0;
  std::uint64_t value = 0;
  std::vector<std::uint32_t> waiting;  // lanes
  // With clocks only:
  Raises raises;
  Epoch last_by;
  // Posted only: the link as an actor, which carries what its senders knew. Of a flag that counts
  // claims: whoever claims.
  std::uint32_t actor = 0;  // 0: has done nothing yet
  Clock carried;
  std::vector<Sent> sent;
  Gathering claimers;
};

class FlagTable {
 public:
  FlagTable(const Placement& placement, std::int32_t flags)
      : placement_(&placement), flags_(static_cast<std::uint64_t>(flags)) {}
  // The log of what `owner` raises and `receiver` sees.
  std::uint32_t find(std::int32_t owner, std::uint16_t flag, std::int32_t receiver);
  Log& operator[](std::uint32_t index) { return logs_[index]; }
  std::vector<Log>& all() { return logs_; }

 private:
  const Placement* placement_;
  std::uint64_t flags_;
  std::unordered_map<std::uint64_t, std::uint32_t> index_;
  std::vector<Log> logs_;
};

inline std::uint32_t FlagTable::find(std::int32_t owner, std::uint16_t flag,
                                     std::int32_t receiver) {
  if (placement_->mapped(owner, receiver)) receiver = -1;
  const auto ranks = static_cast<std::uint64_t>(placement_->ranks());
  const std::uint64_t key = (static_cast<std::uint64_t>(owner) * flags_ + flag) * (ranks + 1) +
                            static_cast<std::uint64_t>(receiver + 1);
  const auto [entry, is_new] = index_.try_emplace(key, static_cast<std::uint32_t>(logs_.size()));
  if (is_new) {
    Log& log = logs_.emplace_back();
    log.owner = owner;
    log.receiver = receiver;
    log.flag = flag;
  }
  return entry->second;
}

}  // namespace hfreduce::schedule::proving
