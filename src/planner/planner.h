// Which algorithm, with which segments. Decisions only from what all ranks agreed on when the
// communicator was made and from the call itself, so that all ranks decide alike.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "algorithms/algorithm.h"
#include "base/status.h"
#include "planner/tuning.h"
#include "schedule/schedule.h"

namespace hfreduce::planner {

// A broadcast of private memory that the kernel may read for the others: below, two system calls
// and a second rendezvous cost more than a second copy. Above, two cores that stage, one from and
// one into its cache, are as fast as one that copies once, unless the root has to copy, too.
inline constexpr std::uint64_t kPeerReadsFrom = 32 << 10, kPeerReadsInPlaceUpTo = 512 << 10;
// Who reads the same pages at once waits for their counters: two take 1.6 to 2.1 times as long.
inline constexpr std::int32_t kPeerReadsUpToRanks = 2;

// What all ranks of a host found when they tried to read each other's private memory.
enum class PeerReads : std::uint8_t {
  kRefused,
  kShared,  // they may, but share cores: staging is less work
  kGranted
};
// When a root offers its private buffer. If slow: where it finds that staging is, just now.
enum class OffersPrivate : std::uint8_t { kNever, kOutOfPlaceIfSlow, kIfSlow, kAlways };

// Rank 0's settings, handed to all.
struct Facts {
  const schedule::Placement* placement = nullptr;
  std::int32_t leaders = 0;         // of hierarchical algorithms; 0: choose
  std::uint32_t segment_bytes = 0;  // 0: choose
  std::string
      forced;  // an algorithm's name, and after an @ its segment ("ring@64K"); empty: choose
  PeerReads peer_reads = PeerReads::kRefused;
  bool crowded = false;  // the ranks of a machine have fewer cores among them
  Tuning tuning;         // what was measured of this shape; empty: built-in thresholds decide
};

struct Question {
  algorithms::Collective collective = algorithms::Collective::kAllReduce;
  std::uint64_t bytes = 0;  // a rank
  std::string_view forced;  // by the call, in the same form; empty: the facts decide
};

struct Choice {
  const algorithms::Algorithm* algorithm = nullptr;
  std::uint32_t segment_bytes = 0;
  // What to take instead, the first for which all ranks concerned have mapped the buffers; nullptr:
  // not worth asking for, nor what comes behind it.
  std::array<const algorithms::Algorithm*, 2> zero_copy{};
  std::uint32_t zero_copy_segment_bytes = 0;
  OffersPrivate offers_private = OffersPrivate::kNever;  // for the one that only copies
};

// Fails for a forced algorithm that there is none of, or that does not apply to this placement; one
// that was forced by the facts is then passed over, since it may be meant for the other collective.
Result<Choice> choose(const Facts& facts, const Question& question);

// Ranks a host that talk to other hosts in hierarchical algorithms: as many as the facts want, as
// far as every host has so many.
std::int32_t choose_leaders(const Facts& facts, algorithms::Collective collective);

// From how many bytes on it is worth asking whether buffers can be mapped.
std::uint64_t mapped_from(const schedule::Placement& placement, algorithms::Collective collective);

// The largest segment that an algorithm's slots are made for.
std::uint32_t segment_capacity(const algorithms::Algorithm& algorithm,
                               const schedule::Placement& placement);

// Of all that was measured what to hand to all ranks: of each size the fastest, but the way of the
// built-in thresholds where no other is faster by more than noise; of sizes that lie at least a
// factor of `apart` from each other.
Tuning worth_taking(const Facts& facts, const Tuning& all, std::uint64_t apart = 2);

// For people: "one-shot up to 32 KiB, then two-shot in segments of 32 to 256 KiB".
std::string explain(const Facts& facts, algorithms::Collective collective);
// HFREDUCE_ALGORITHM. Errors: kInvalidArgument, it names no algorithm, or no segment behind the @.
Status check_forced(std::string_view text);
// A sentence: what it forces, or that it works for no collective on these ranks. Empty: it is not
// set.
std::string explain_forced(const Facts& facts);
// A sentence where hosts share a machine whose cores their ranks outnumber; else empty.
std::string explain_crowd(const Facts& facts);
// Sentences: what is made of the groups inside hosts, and why. Empty: there are none.
std::string explain_grouping(const Facts& facts);
// For the smallest, a middle and the largest size, what the chosen algorithm and the others took:
// "8 B one-shot in 0.4 us (two-shot 0.9)". `all` that was measured; empty: nothing was.
std::string explain_measured(const Facts& facts, const Tuning& all,
                             algorithms::Collective collective);

}  // namespace hfreduce::planner
