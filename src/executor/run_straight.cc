// See straight.h.
#include "base/relax.h"
#include "executor/run.h"
#include "kernels/cpu/copy.h"

namespace hfreduce::executor {

// `begin`: bytes from where the segment begins.
inline std::byte* Run::address_straight(const BoundPlace& place,
                                        std::uint64_t begin) const noexcept {
  if (place.kind == BoundPlace::Kind::kMappedSlot) {
    std::byte* const slot = place.base + place.ring.at(place.tick.at(base_, 0));
    return place.whole_segment ? slot + begin : slot;
  }
  if (place.kind == BoundPlace::Kind::kInput) return const_cast<std::byte*>(call_->input) + begin;
  if (place.kind == BoundPlace::Kind::kOutput) return call_->output + begin;
  const PeerBuffers& peer = buffers_[static_cast<std::size_t>(place.owner)];
  return (place.kind == BoundPlace::Kind::kPeerInput ? peer.input : peer.output) + begin;
}

inline void Run::copy(const StraightStep& step) noexcept {
  std::uint64_t begin = 0, bytes = whole_bytes_;
  if (!step.whole) {
    const Extent part = extent(*step.step, whole_);
    begin = part.begin * call_->element_bytes;
    bytes = part.count * call_->element_bytes;
    if (bytes == 0) return;
  }
  const std::byte* const from = address_straight(*step.from, begin);
  std::byte* const to = address_straight(*step.to, begin);
  if (from == to) return;
  if (step.kind == StraightStep::Kind::kStage)
    kernels::copy_to_peer(to, from, bytes, &stores_);
  else
    kernels::copy(to, from, bytes);
}

inline void Run::reduce_straight(const StraightStep& straight) noexcept {
  const BoundStep& step = *straight.step;
  Extent part{0, whole_.length};
  if (!straight.whole) {
    part = extent(step, whole_);
    if (part.count == 0) return;
  }
  const std::uint64_t begin = part.begin * call_->element_bytes;
  const BoundPlace* place = plan_->places.data() + step.sources.begin;
  for (std::uint32_t i = 0; i < step.sources.count; ++i)
    sources_[i] = address_straight(*place++, begin);
  place = plan_->places.data() + step.destinations.begin;
  for (std::uint32_t i = 0; i < step.destinations.count; ++i)
    destinations_[i] = address_straight(*place++, begin);
  call_->reduce(args_of(step, part.count));
}

// See wait().
inline bool Run::await_straight(const StraightStep& step) noexcept {
  const auto needed = static_cast<std::int64_t>(step.tick.at(base_, 0)) + 1 - step.lag;
  const bool credit = step.kind == StraightStep::Kind::kCredit;
  if (credit && (needed <= 0 || plan_->seen[step.wait] >= needed)) return true;
  const transport::Flag& flag = *reinterpret_cast<const transport::Flag*>(
      step.awaited + step.slot(static_cast<std::uint64_t>(needed - 1)));
  const auto value = static_cast<std::int64_t>(flag.value.load(std::memory_order_acquire));
  if (value < needed) return false;
  if (credit) plan_->seen[step.wait] = value;
  const std::uint64_t tag = flag.tag.load(std::memory_order_relaxed);
  return tag == tag_ ||
         is_settled(plan_->wait_lines[step.wait].peer, tag, value == needed && !credit);
}

// Does the steps from `at` on, as far as they can be done now. Returns at which it stopped.
[[gnu::always_inline]] inline std::uint32_t Run::do_straight(std::uint32_t at) noexcept {
  using Kind = StraightStep::Kind;
  bool raised = false;
  const auto end = static_cast<std::uint32_t>(plan_->straight.size());
  for (const StraightStep* step = &plan_->straight[at]; at != end; ++at, ++step) {
    bool done = true;
    switch (step->kind) {
      case Kind::kWait:
      case Kind::kCredit:
        done = await_straight(*step);
        while (!done && looks_left_ > 0) {
          --looks_left_;
          relax();
          done = await_straight(*step);
        }
        break;
      case Kind::kSignal: {
        const std::uint64_t tick = step->tick.at(base_, 0);
        reinterpret_cast<transport::Flag*>(step->raised + step->slot(tick))->raise(tick + 1, tag_);
        raised = true;
        break;
      }
      case Kind::kCopy:
      case Kind::kStage:
        copy(*step);
        break;
      case Kind::kRead:
        if (const PeerBuffers* peer = private_source(*step->step)) {
          done = read_private(only_, *step->step, whole_, *peer);
          if (done) only_.copied = 0;
          break;
        }
        [[fallthrough]];
      case Kind::kReduce:
        reduce_straight(*step);
        break;
      case Kind::kOffer:
        write_offer(*step->step, static_cast<std::int64_t>(step->tick.at(base_, 0)) + 1,
                    call_->offer);
        break;
      case Kind::kAccept:
        done = accept(only_, *step->step, static_cast<std::int64_t>(step->tick.at(base_, 0)) + 1);
        if (done) only_.peer_at = 0;
        break;
    }
    if (!done) break;
  }
  if (raised) ring_all();
  return at;
}

bool Run::advance_straight() noexcept {
  const std::uint32_t begin = only_.at;
  const std::uint64_t copied = only_.copied;
  only_.at = do_straight(begin);
  only_.blocked = only_.at != plan_->straight.size();
  if (!only_.blocked) {
    only_.turn = 1;
    lanes_left_ = 0;
  }
  return only_.at != begin || only_.copied != copied;
}

// One fence for all flags that were raised, when nothing else is left to do: it waits for the
// stores before it, and a peer that is awake does not need it.
void Run::ring_all() const noexcept {
  transport::Doorbell::ring_fence();
  for (transport::DoorbellLine* line : plan_->straight_doorbells) doorbell_.ring_if_asleep(*line);
}

}  // namespace hfreduce::executor
