// What one rank does in one collective, as plain data: executed by the executor, proved by the
// verifier, printed, drawn and timed. Symbolic in chunks and independent of bytes, so that one
// schedule serves 8 bytes and 8 gigabytes.
//
// The data of a call is cut into segments (the unit of pipelining), each segment into `chunks`
// equal parts (the unit of the algorithm). A lane runs its steps once for each segment; lanes run
// concurrently and only meet through flags.
//
//   iteration   g = (iterations that the channel has seen before this call) + segment. It only
//   grows, and
//               all ranks count alike, so a flag raised to "g + 1" never has to be lowered again.
//   tick        the number of an event within a channel: g * rate + offset + k * stride, where k is
//               the repetition of the enclosing repeat (0 outside one) and `rate` how many such
//               events an iteration has. Stride 0: one event for all repetitions.
//   slot        slot number = tick of the place modulo the area's slots: a ring of staging buffers
//   in the
//               owner's window.
//   flag        a counter with one writer (its owner). Raising it for tick t sets it to t + 1.
//   Raising it
//               tells every mapped peer at once and each posted peer by a message.
//   wait        until the flag of every named peer is at least t + 1 - lag: lag 0 means that the
//   data of tick
//               t is there, lag K that what was done K ticks ago is done (credit for K slots).
//   every       a signal may leave out iterations and raise its flag in every so-many-th only, for
//               that many at once: credit that costs a message, where there is plenty of it.
//   claim       a flag that many write: which chunks of an iteration are taken, and how many are
//               done. It lies with the first of the ranks that may claim, and it only grows, too.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "schedule/placement.h"

namespace hfreduce::schedule {

enum class Op : std::uint8_t {
  kReduce,  // every destination = op over the sources, left to right, in one pass; one source: a
            // copy, and nothing where it would copy bytes onto themselves (a root in place)
  kPut,     // copies source to destination (in a peer's window or output), then raises `flag` there
  kSignal,  // raises `flag` for the named peers
  kWait,    // until `flag` of every named peer has reached the tick, less `lag`
  kDrain,   // until the put of this flag to this peer at the tick, less `lag`, has left its source
  kClaim,   // each chunk of the range is reduced, like kReduce, by whichever of `peers` (this rank
            // among them) comes first; then until all are done. `flag` counts; all name the same
  kRepeat,  // the next `body` steps are done `count` times, k = 0 .. count-1; not nested
};

struct Tick {
  std::uint32_t rate = 1;
  std::int32_t offset = 0;
  std::uint32_t stride = 1;

  std::uint64_t at(std::uint64_t g, std::uint32_t k) const noexcept {
    return g * rate + static_cast<std::uint64_t>(std::int64_t{offset}) + std::uint64_t{k} * stride;
  }
  bool operator==(const Tick&) const = default;
};

// Chunks first .. first+count-1 with first = base + ((start + k * stride) mod modulus): a range
// that rotates with the repetition k. The default is one fixed chunk.
struct ChunkRange {
  std::int32_t base = 0;
  std::int32_t start = 0;
  std::int32_t stride = 0;
  std::int32_t modulus = 1;
  std::int32_t count = 1;

  std::int32_t first(std::int32_t k) const noexcept {
    if (modulus == 1) return base;
    const std::int64_t at = (start + std::int64_t{k} * stride) % modulus;
    return base + static_cast<std::int32_t>(at < 0 ? at + modulus : at);
  }
  bool operator==(const ChunkRange&) const = default;
};

enum class PlaceKind : std::uint8_t {
  kInput,   // the caller's send buffer of `owner`
  kOutput,  // the caller's receive buffer of `owner` (the same cells as the input when in place)
  kSlot,    // slot (tick mod slots) of `area` in the window of `owner`
};

// Where bytes lie. Input and output of another rank are legal as the destination of a put over a
// posted link that can land there, and for ranks of one host once they were offered (Step::offers).
struct Place {
  PlaceKind kind = PlaceKind::kInput;
  std::uint8_t area = 0;
  std::int32_t owner = 0;
  Tick tick;
};

// A ring of equal slots in each rank's window.
struct Area {
  enum class Unit : std::uint8_t {
    kSegment,  // a slot holds a whole segment; a chunk lies where it lies in the segment
    kChunk,    // a slot holds one chunk range, at its start
  };
  std::int32_t slots = 1;
  Unit unit = Unit::kSegment;
  std::int32_t chunks = 1;  // of a range, for kChunk
  // A flag that lies at the head of each slot instead of in a line of its own (that of tick t in
  // slot t mod slots), so that few bytes come with their flag in one cache line; -1: none. It tells
  // mapped peers only, and is awaited without lag.
  std::int32_t flag = -1;
};

// So many chunks a claim can count.
inline constexpr std::int32_t kMostClaimed = 255;

// A piece of Schedule::places or Schedule::peers.
struct Range {
  std::uint32_t begin = 0;
  std::uint32_t count = 0;
};

struct Step {
  Op op = Op::kWait;
  // Works on segment t - skew in the lane's turn t, and not where there is none.
  std::uint8_t skew = 0;
  bool final = false;  // kReduce, kClaim: this result is complete (avg divides here)
  // A copy into a slot that another rank reads next, and read last: its lines lie in that rank's
  // cache. Changes no result, only how the bytes are best stored.
  bool staging = false;
  // kSignal: tells as well where this rank's buffers of the call are. kWait: and learns it; from
  // here on the lane may name these peers' buffers. When one of them has none to offer the whole
  // schedule is left, on all ranks alike, before any step behind this one.
  bool offers = false;
  std::uint8_t lag = 0;     // kWait, kDrain
  std::uint8_t every = 1;   // kSignal: acts in iterations g of which g + 1 is a multiple of this
  std::uint16_t flag = 0;   // kPut, kSignal, kWait, kDrain, kClaim
  Tick tick;                // of the flag
  ChunkRange chunks;        // kReduce, kPut, kClaim
  Range sources;            // kReduce, kClaim: 1 or more; kPut: 1
  Range destinations;       // kReduce, kClaim: 1 or more; kPut: 1
  Range peers;              // kSignal, kWait, kClaim: 1 or more; kPut, kDrain: 1
  std::uint32_t body = 0;   // kRepeat: how many steps
  std::uint32_t count = 0;  // kRepeat: how many times (0 is legal)
};

// Whether a step does anything in iteration g.
inline bool acts_in(const Step& step, std::uint64_t g) noexcept {
  return (g + 1) % step.every == 0;
}

struct Lane {
  std::string name;  // for people: "up", "down", "ring 1", ...
  std::vector<Step> steps;
  std::uint8_t skew = 0;  // the largest of its steps
};

// What all ranks of an algorithm share, whatever their role: it fixes the layout of windows and
// flags, and is known before any rank's schedule is.
struct Layout {
  std::int32_t chunks = 1;
  std::int32_t flags = 0;
  std::vector<Area> areas;
  std::uint8_t hops = 0;  // roundings that a 16-bit float goes through at most
};

struct Schedule {
  std::int32_t rank = 0;
  Layout layout;
  std::vector<Lane> lanes;  // none: this rank has nothing to do
  std::vector<Place> places;
  std::vector<std::int32_t> peers;
};

}  // namespace hfreduce::schedule
