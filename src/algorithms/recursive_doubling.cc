// Allreduce in as many rounds as the ranks have bits: in each, partners swap what they hold and
// both add it up, so that twice as many ranks hold the same sum (Thakur, Rabenseifner and Gropp,
// "Optimization of Collective Communication Operations in MPICH", 2005). Where the ranks are no
// power of two, pairs of neighbours at the beginning of the line act as one: the first hands its
// data to the second, and gets the result from it.
//
// What is held always comes from neighbours in the line, and the lower ones' is the first operand:
// all ranks compute the same bits.
//
// No credits are needed: a partner sends for the next segment but one only after it saw what this
// rank sent for the next one, and so after this rank had read all of this segment. Nor do sums in
// slots wait until they have left: what the partner sends for the next segment tells so. How many
// slots that takes was found by the verifier.
#include <algorithm>
#include <bit>

#include "algorithms/emitters.h"
#include "algorithms/line.h"
#include "schedule/builder.h"

namespace hfreduce::algorithms {
namespace {

using namespace schedule;

// The same for all ranks.
struct Rounds {
  std::int32_t swaps = 0;  // rounds in which partners swap
  std::int32_t pairs = 0;  // at the beginning of the line, that act as one

  explicit Rounds(std::int32_t ranks)
      : swaps(std::bit_width(static_cast<std::uint32_t>(ranks)) - 1), pairs(ranks - (1 << swaps)) {}

  // Events of an iteration: what the first of a pair hands over, the swaps, what it gets back.
  std::int32_t ticks() const { return pairs > 0 ? swaps + 2 : std::max(1, swaps); }
  std::int32_t first_swap() const { return pairs > 0 ? 1 : 0; }
};

constexpr std::uint8_t kReceived = 0, kHeld = 1;  // areas
constexpr std::uint16_t kData = 0;

Layout layout_for(const Placement& placement) {
  const Rounds rounds(placement.ranks());
  Layout layout;
  layout.flags = 1;
  layout.hops = static_cast<std::uint8_t>(rounds.swaps + (rounds.pairs > 0 ? 1 : 0));
  add_area(layout, {.slots = rounds.ticks() + 1});
  // Between mapped ranks what is sent has left when the step is done.
  add_area(layout, {.slots = placement.hosts() == 1 ? 1 : rounds.ticks() + 1});
  return layout;
}

class DoublingLane {
 public:
  DoublingLane(Builder* schedule, const Placement& placement)
      : lane_(schedule->lane("all")),
        placement_(placement),
        line_(placement),
        rounds_(placement.ranks()),
        rank_(schedule->rank()),
        index_(line_.index_of(rank_)) {}

  void emit() {
    const bool in_pair = index_ < 2 * rounds_.pairs;
    if (in_pair && index_ % 2 == 0) {
      emit_first_of_pair(line_.rank_at(index_ + 1));
      return;
    }
    Place held = input(rank_);
    if (in_pair) {
      const std::int32_t first = line_.rank_at(index_ - 1);
      held = kept(0);
      lane_.wait(data(0), {first}).reduce(all(), {received(0), input(rank_)}, {held});
    }
    for (std::int32_t swap = 0; swap < rounds_.swaps; ++swap) held = emit_swap(swap, held);
    if (in_pair) hand_back(line_.rank_at(index_ - 1));
  }

 private:
  static ChunkRange all() { return chunks(0, 1); }
  Tick tick(std::int32_t event) const {
    return {.rate = static_cast<std::uint32_t>(rounds_.ticks()), .offset = event};
  }
  Event data(std::int32_t event) const { return {kData, tick(event)}; }
  Place received(std::int32_t event) const { return slot(kReceived, rank_, tick(event)); }
  Place received_by(std::int32_t rank, std::int32_t event) const {
    return slot(kReceived, rank, tick(event));
  }
  Place kept(std::int32_t event) const { return slot(kHeld, rank_, tick(event)); }
  bool mapped(std::int32_t peer) const { return placement_.mapped(rank_, peer); }
  std::int32_t last_tick() const { return rounds_.ticks() - 1; }

  // Among those that swap, pairs counting as one.
  std::int32_t number() const {
    return index_ < 2 * rounds_.pairs ? index_ / 2 : index_ - rounds_.pairs;
  }
  std::int32_t rank_of(std::int32_t number) const {
    return line_.rank_at(number < rounds_.pairs ? 2 * number + 1 : number + rounds_.pairs);
  }

  Place emit_swap(std::int32_t swap, const Place& held) {
    const std::int32_t partner = rank_of(number() ^ (1 << swap));
    const std::int32_t event = rounds_.first_swap() + swap;
    lane_.put(data(event), all(), held, received_by(partner, event)).wait(data(event), {partner});
    const bool lower = (number() >> swap & 1) == 0;
    const Places operands = lower ? Places{held, received(event)} : Places{received(event), held};
    if (swap + 1 < rounds_.swaps) {
      lane_.reduce(all(), operands, {kept(event)});
      return kept(event);
    }
    // In place the result goes where the first swap may still be sending from.
    const std::int32_t first_partner = rank_of(number() ^ 1);
    if (index_ >= 2 * rounds_.pairs && !mapped(first_partner))
      lane_.drain(data(rounds_.first_swap()), first_partner);
    lane_.complete(all(), operands, {output(rank_)});
    return output(rank_);
  }

  void emit_first_of_pair(std::int32_t second) {
    lane_.put(data(0), all(), input(rank_), received_by(second, 0))
        .wait(data(last_tick()), {second});
    if (mapped(second)) lane_.copy(all(), received(last_tick()), {output(rank_)});
  }
  void hand_back(std::int32_t first) {
    lane_.put(data(last_tick()), all(), output(rank_),
              mapped(first) ? received_by(first, last_tick()) : output(first));
  }

  LaneBuilder lane_;
  const Placement& placement_;
  FlatLine line_;
  Rounds rounds_;
  std::int32_t rank_, index_;
};

}  // namespace

Layout recursive_doubling_layout(const Request& request) { return layout_for(*request.placement); }

Schedule emit_recursive_doubling(const Request& request, std::int32_t rank) {
  Builder schedule(rank, recursive_doubling_layout(request));
  if (request.placement->ranks() > 1) DoublingLane(&schedule, *request.placement).emit();
  return schedule.finish();
}

}  // namespace hfreduce::algorithms
