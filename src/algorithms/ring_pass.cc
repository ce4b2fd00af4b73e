#include "algorithms/ring_pass.h"

namespace hfreduce::algorithms {
namespace {

using namespace schedule;

constexpr std::int32_t kSlots = 2;  // one being sent on while the other fills

// Member i sends chunk i first, adds its own to each chunk that comes in and sends it on; after
// size - 1 hops it holds chunk i + 1 complete, which then goes round once more.
//
//   data tick    0 .. hops-1             reduce-scatter, into the next member's slot
//                hops .. 2*hops-1        allgather: over a posted link straight into its sink (all
//                                        members have contributed to the chunk, so none still reads
//                                        the operand that may lie there), else into its slot
//   slot tick    as the data tick; over a posted link only the reduce-scatter takes slots
//   credit       raised for the slot tick when the slot may be written again
class RingLane {
 public:
  RingLane(Builder* schedule, const RingPart& part)
      : part_(part),
        lane_(schedule->lane(part.name)),
        rank_(schedule->rank()),
        hops_(part.size - 1),
        mapped_in_(part.ground.placement->mapped(part.previous, rank_)),
        mapped_out_(part.ground.placement->mapped(rank_, part.next)) {}

  void emit() {
    if (part_.hooks.ready) lane_.wait({*part_.hooks.ready, {}}, {rank_});
    acquire(0);
    lane_.put(data(0), chunk(0), part_.ground.source(rank_), next_slot(0));
    reduce_scatter();
    complete_one();
    lane_.repeat(hops_ - 1, [&] { gather_and_pass_on(); });
    gather_last();
    finish();
  }

 private:
  // Chunk index + shift in the first repetition, one less in each further one.
  ChunkRange chunk(std::int32_t shift) const {
    return {part_.first_chunk, part_.index + shift, -1, part_.size, 1};
  }
  Event data(std::int32_t tick) const {
    return {part_.ids.data, {.rate = rate(true), .offset = tick}};
  }
  Event credit_in(std::int32_t tick) const {
    return {part_.ids.credit, {.rate = rate(mapped_in_), .offset = tick}};
  }
  Place own_slot(std::int32_t tick) const {
    return slot(part_.ids.slots, rank_, {.rate = rate(mapped_in_), .offset = tick});
  }
  Place next_slot(std::int32_t tick) const {
    return slot(part_.ids.slots, part_.next, {.rate = rate(mapped_out_), .offset = tick});
  }
  std::uint32_t rate(bool both_phases) const {
    return static_cast<std::uint32_t>(both_phases ? 2 * hops_ : hops_);
  }
  Place sink() const { return part_.ground.sink(rank_); }
  // Until the next member's slot for this tick is free.
  void acquire(std::int32_t tick) {
    lane_.wait({part_.ids.credit, {.rate = rate(mapped_out_), .offset = tick}}, {part_.next},
               kSlots);
  }

  void reduce_scatter() {
    if (mapped_out_) {
      lane_.repeat(hops_ - 1, [&] { add_and_hand_on(); });
      return;
    }
    // The first hop has nothing to give back: what was sent before it came from the operand.
    if (hops_ > 1) add_and_send_on(0, false);
    lane_.repeat(hops_ - 2, [&] { add_and_send_on(1, true); });
  }

  void add_and_hand_on() {
    lane_.wait(data(0), {part_.previous});
    acquire(1);
    lane_.reduce(chunk(-1), {own_slot(0), part_.ground.source(rank_)}, {next_slot(1)})
        .signal(data(1), {part_.next})
        .signal(credit_in(0), {part_.previous});
  }

  // Gives the slot of the hop before back first: all members wait for each other's credits here.
  void add_and_send_on(std::int32_t tick, bool give_back) {
    lane_.wait(data(tick), {part_.previous});
    if (give_back)
      lane_.drain(data(tick), part_.next).signal(credit_in(tick - 1), {part_.previous});
    lane_.reduce(chunk(-1 - tick), {own_slot(tick), part_.ground.source(rank_)}, {own_slot(tick)});
    acquire(tick + 1);
    lane_.put(data(tick + 1), chunk(-1 - tick), own_slot(tick), next_slot(tick + 1));
  }

  // The last contribution to chunk index + 1 is this rank's.
  void complete_one() {
    lane_.wait(data(hops_ - 1), {part_.previous});
    const Places operands{own_slot(hops_ - 1), part_.ground.source(rank_)};
    if (mapped_out_) {
      acquire(hops_);
      lane_.complete(chunk(1), operands, {sink(), next_slot(hops_)})
          .signal(data(hops_), {part_.next});
    } else {
      lane_.complete(chunk(1), operands, {sink()})
          .put(data(hops_), chunk(1), sink(), part_.ground.sink(part_.next));
      if (hops_ > 1) lane_.drain(data(hops_), part_.next, 1);
    }
    lane_.signal(credit_in(hops_ - 1), {part_.previous});
  }

  void gather_and_pass_on() {
    lane_.wait(data(hops_), {part_.previous});
    if (mapped_out_) acquire(hops_ + 1);
    if (mapped_in_ && mapped_out_) {
      lane_.copy(chunk(0), own_slot(hops_), {sink(), next_slot(hops_ + 1)})
          .signal(data(hops_ + 1), {part_.next})
          .signal(credit_in(hops_), {part_.previous});
      return;
    }
    if (mapped_in_)
      lane_.copy(chunk(0), own_slot(hops_), {sink()}).signal(credit_in(hops_), {part_.previous});
    lane_.put(data(hops_ + 1), chunk(0), sink(),
              mapped_out_ ? next_slot(hops_ + 1) : part_.ground.sink(part_.next));
  }

  void gather_last() {
    const std::int32_t last = 2 * hops_ - 1;
    lane_.wait(data(last), {part_.previous});
    if (mapped_in_)
      lane_.copy(chunk(1 - hops_), own_slot(last), {sink()})
          .signal(credit_in(last), {part_.previous});
  }

  void finish() {
    const Hooks& hooks = part_.hooks;
    if (hooks.result) lane_.signal({*hooks.result, {}}, hooks.mates);
    if (!hooks.finished) return;
    if (!mapped_out_) lane_.drain(data(2 * hops_ - 1), part_.next);
    lane_.signal({*hooks.finished, {}}, {rank_});
  }

  const RingPart& part_;
  LaneBuilder lane_;
  std::int32_t rank_, hops_;
  bool mapped_in_, mapped_out_;
};

}  // namespace

RingIds reserve_ring(Layout* layout) {
  RingIds ids;
  ids.data = add_flag(*layout);
  ids.credit = add_flag(*layout);
  ids.slots = add_area(*layout, {.slots = kSlots, .unit = Area::Unit::kChunk, .chunks = 1});
  return ids;
}

void emit_ring_part(Builder* schedule, const RingPart& part) { RingLane(schedule, part).emit(); }

}  // namespace hfreduce::algorithms
