// A schedule bound to one rank's windows, flags and links: everything that can be looked up once
// is.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "executor/straight.h"
#include "executor/window_map.h"
#include "schedule/schedule.h"
#include "transport/link.h"
#include "transport/shm/window.h"

namespace hfreduce::executor {

class Peers;

// Which slot of a ring a tick has. Divisions are dear, and most rings have a power of two.
struct SlotRing {
  std::uint32_t slots = 1, stride = 0;

  std::size_t at(std::uint64_t tick) const noexcept {
    const bool by_mask = (slots & (slots - 1)) == 0;
    return (by_mask ? tick & (slots - 1) : tick % slots) * stride;
  }
};

struct BoundPlace {
  enum class Kind : std::uint8_t {
    kInput,
    kOutput,
    kPeerInput,  // of a rank of this host, once it was offered
    kPeerOutput,
    kMappedSlot,
    kRemoteSlot,
    kRemoteOutput
  };
  Kind kind = Kind::kInput;
  bool whole_segment = false;
  std::int32_t owner = 0;  // kPeerInput, kPeerOutput: its number on this host
  SlotRing ring;
  std::byte* base = nullptr;  // kMappedSlot: slot 0
  std::uint64_t offset = 0;   // kRemoteSlot: of slot 0 in the peer's window
  schedule::Tick tick;
};

// A flag to raise: the own line for mapped peers, with their doorbells; messages for posted ones.
struct BoundSignal {
  std::byte* line = nullptr;  // of tick 0; nullptr: no mapped peer listens
  schedule::Range doorbells;  // of BoundPlan::doorbells
  schedule::Range posted;     // of BoundPlan::posted
};

// kClaim: where all count, and where this rank says that it has work in hand (the tag: for which
// iteration), for others to know whom they wait for.
struct BoundClaims {
  transport::FlagLine* count = nullptr;
  transport::FlagLine* mine = nullptr;
};

struct BoundStep {
  schedule::Op op = schedule::Op::kWait;
  std::uint8_t skew = 0, lag = 0, every = 1;
  bool final = false, staging = false, offers = false;
  bool lands = false;      // writes results to where callers want them, and nowhere else
  std::uint32_t flag = 0;  // number among all flags of the window
  SlotRing ring;           // of slots that carry the flag; one: it has a line of its own
  schedule::Tick tick;
  schedule::ChunkRange chunks;
  schedule::Range sources, destinations;  // of BoundPlan::places
  schedule::Range waits;                  // of BoundPlan::wait_lines
  BoundSignal signal;                     // kSignal, kPut; kClaim: whom to wake
  BoundClaims claims;
  std::int32_t peer = -1;     // kPut and kDrain over a posted link
  std::uint32_t tickets = 0;  // kPut and kDrain over a posted link: which of the run's ticket rings
  std::uint32_t body = 0, count = 0;
};

struct BoundLane {
  std::vector<BoundStep> steps;
  std::uint8_t skew = 0;
};

struct WaitLine {
  const std::byte* line;  // of tick 0
  std::int32_t peer;
  std::int32_t local;  // the peer's number on this host; -1: it is on another
};

struct BoundPlan {
  std::string algorithm;
  std::size_t channel = 0;
  std::int32_t chunks = 1;
  std::uint32_t segment_bytes = 0;
  std::vector<BoundLane> lanes;
  // See lay_straight(). Empty: the plan has to be interpreted.
  std::vector<StraightStep> straight;
  std::vector<transport::DoorbellLine*> straight_doorbells;  // of all that these steps signal, once
  std::vector<BoundPlace> places;
  std::vector<WaitLine> wait_lines;
  std::vector<transport::DoorbellLine*> doorbells;
  std::vector<std::int32_t> posted;  // peers of bare messages
  std::vector<std::int32_t> links;   // every posted peer that the plan talks to or hears from
  // Of wait_lines: the latest value that this rank has seen of each, since credit lasts.
  std::unique_ptr<std::int64_t[]> seen;
  std::uint32_t most_operands = 1;  // the largest number of sources or destinations of a step
  std::uint32_t ticket_rings = 0;
  bool offers = false;  // this rank's buffers have to be mapped by others
  // All that is done with a peer's own buffers is to copy its input: so it need not be mapped where
  // the kernel reads it for us.
  bool copies_inputs = true;

  // Whether this rank can do its part with its buffers where the offer says that they are.
  bool can_use(const transport::Offer& offer) const noexcept {
    return !offers || (offer.process != 0 && (copies_inputs || !offer.is_private()));
  }
};

// How a plan cuts a call's elements: into segments, and each of them into the plan's chunks.
struct Cut {
  std::uint32_t segments = 0, segment_bytes = 0;
  std::uint64_t segment_elements = 0;
  std::uint64_t full_quantum = 0, last_quantum = 0;  // elements of a chunk; of the last segment's
};

// The way that a call takes: both are the same for calls that are alike.
struct Route {
  const BoundPlan* plan = nullptr;
  Cut cut;
  bool straight = false;  // by the plan's straight steps
};

// `elements` above 0; a segment is cut down to what the plan's slots hold.
Route make_route(const BoundPlan& plan, std::uint64_t elements, std::uint32_t element_bytes,
                 std::uint32_t segment_bytes) noexcept;

// What the windows and links of a rank look like to binding.
struct Binding {
  const WindowMap* map;
  const transport::Windows* windows;
  const schedule::Placement* placement;
  Peers* peers;
  std::int32_t rank;
};

// Populates the own slots that the channel needs. Errors: kOutOfMemory; kInternalError for a
// schedule that addresses what it must not.
Result<BoundPlan> bind_plan(const Binding& binding, const schedule::Schedule& schedule,
                            std::size_t channel);

}  // namespace hfreduce::executor
