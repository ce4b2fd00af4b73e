#include "executor/run.h"

#include <algorithm>
#include <span>

#include "base/relax.h"
#include "executor/premultiply.h"

namespace hfreduce::executor {
namespace {

using schedule::Op;

// A result of so many bytes has left the caches before its caller comes to read it, so its lines
// need not be fetched to be overwritten. Measured on AMD's (docs/limits.md).
constexpr std::uint64_t kPastCachesFrom = 16 << 20;

static_assert(kStraightUpTo < kShareCallsFrom);

std::int64_t tick_of(const schedule::Tick& tick, std::uint64_t iteration,
                     std::int32_t repetition) noexcept {
  return static_cast<std::int64_t>(tick.at(iteration, static_cast<std::uint32_t>(repetition)));
}

// The line of a flag that is about to have, or to be given, this value.
const transport::Flag& flag_of(const WaitLine& wait, const SlotRing& ring,
                               std::int64_t value) noexcept {
  return *reinterpret_cast<const transport::Flag*>(wait.line +
                                                   ring.at(static_cast<std::uint64_t>(value - 1)));
}
transport::Flag& flag_of(const BoundSignal& signal, const SlotRing& ring,
                         std::int64_t value) noexcept {
  return *reinterpret_cast<transport::Flag*>(signal.line +
                                             ring.at(static_cast<std::uint64_t>(value - 1)));
}

}  // namespace

void Run::provide(const BoundPlan& plan) {
  if (sources_.size() >= plan.most_operands) return;
  sources_.resize(plan.most_operands);
  destinations_.resize(plan.most_operands);
}

void Run::begin_lanes() {
  const BoundPlan& plan = *plan_;
  const Call& call = *call_;
  if (call.raw_input == nullptr) {
    multiplied_ = kAll;
  } else if (multiplied_of_ != call.sequence) {  // else it goes on after a plan that was declined
    multiplied_of_ = call.sequence;
    multiplied_ = 0;
  }
  shared_.begin_call(call.elements * call.element_bytes);
  // A rank that has just staged what it overwrites has the lines still.
  const bool has_lines = call.input == call.output && call.signature.reduces && plan.links.empty();
  past_caches_ = !has_lines && call.elements * call.element_bytes >= kPastCachesFrom &&
                 kernels::streaming_may_pay();
  // Nothing below allocates once a plan of this size has run before.
  lanes_.resize(plan.lanes.size());
  if (plan.ticket_rings != 0) tickets_.assign(plan.ticket_rings, {});
  lanes_left_ = 0;
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    lanes_[i] = {};
    lanes_[i].lane = &plan.lanes[i];
    if (plan.lanes[i].steps.empty()) continue;
    lanes_[i].turns = cut_.segments + plan.lanes[i].skew;
    ++lanes_left_;
  }
}

bool Run::advance_lanes() noexcept {
  bool any = false;
  for (LaneState& state : lanes_) {
    if (state.turn < state.turns) any |= advance_lane(state);
  }
  return any;
}

int Run::glance(int looks) const noexcept {
  if (lanes_left_ != 1) return 0;
  for (const LaneState& state : states()) {
    if (state.turn >= state.turns) continue;
    const BoundStep& step = step_of(state);
    // All have come where it waits for a buffer to be mapped.
    if (step.op != Op::kWait || !state.blocked || state.peer_at >= step.waits.count) return 0;
    const std::uint64_t iteration = straight_ ? base_ : base_ + state.turn - step.skew;
    const std::int64_t needed =
        tick_of(step.tick, iteration, static_cast<std::int32_t>(state.repetition)) + 1 - step.lag;
    const WaitLine& wait = plan_->wait_lines[wait_of(state, step)];
    const std::atomic<std::uint64_t>& value = flag_of(wait, step.ring, needed).value;
    for (int look = 0; look < looks; ++look) {
      if (static_cast<std::int64_t>(value.load(std::memory_order_relaxed)) >= needed) return -1;
      relax();
    }
    return looks;
  }
  return 0;
}

// Which line a lane stands at, or has passed last.
std::uint32_t Run::wait_of(const LaneState& state, const BoundStep& step) const noexcept {
  if (straight_ && !step.offers) return plan_->straight[state.at].wait;
  return step.waits.begin + std::min(state.peer_at, step.waits.count - 1);
}

std::int32_t Run::waits_for() const noexcept {
  if (failed_peer_ >= 0) return failed_peer_;
  for (const LaneState& state : states()) {
    if (state.turn >= state.turns || !state.blocked) continue;
    const BoundStep& step = step_of(state);
    if (step.op == Op::kWait) return plan_->wait_lines[wait_of(state, step)].peer;
    if (step.op == Op::kClaim) return claimer(state, step);
    if (step.peer >= 0) return step.peer;
  }
  return -1;
}

bool Run::advance_lane(LaneState& state) noexcept {
  bool any = false;
  while (state.turn < state.turns) {
    const BoundStep& step = state.lane->steps[state.at];
    const std::uint32_t segment = state.turn - step.skew;  // huge where there is none yet
    const bool acts = segment < cut_.segments;
    if (step.op == Op::kRepeat) {
      state.repeat_begin = state.at + 1;
      state.repeat_end = acts ? state.at + 1 + step.body : 0;
      state.repeat_count = step.count;
      state.repetition = 0;
      if (!acts || step.count == 0) {
        state.repeat_end = 0;
        state.at += step.body;
      }
    } else if (acts) {
      if (multiplied_ != kAll) multiply_until(here(segment, state.repetition));
      const std::uint64_t copied = state.copied;
      if (!execute(state, step, segment)) {
        state.blocked = true;
        return any || state.copied != copied;
      }
      any = true;
    }
    state.blocked = false;
    next_step(state);
  }
  --lanes_left_;
  return true;
}

// No step of this rank has touched these elements, so no peer has either.
void Run::multiply_until(const Here& here) noexcept {
  const std::uint64_t end = here.first + here.length;
  if (end <= multiplied_) return;
  premultiply(*call_, multiplied_, end);
  multiplied_ = end;
}

void Run::next_step(LaneState& state) noexcept {
  state.peer_at = 0;
  state.copied = 0;
  ++state.at;
  if (state.repeat_end != 0 && state.at == state.repeat_end) {
    if (++state.repetition < state.repeat_count) {
      state.at = state.repeat_begin;
    } else {
      state.repeat_end = 0;
      state.repetition = 0;
    }
  }
  if (state.at == state.lane->steps.size()) {
    state.at = 0;
    ++state.turn;
  }
}

Run::Here Run::here(std::uint32_t segment, std::uint32_t repetition) const noexcept {
  Here here;
  here.iteration = base_ + segment;
  here.first = segment * cut_.segment_elements;
  here.length = std::min(cut_.segment_elements, call_->elements - here.first);
  here.quantum = segment + 1 == cut_.segments ? cut_.last_quantum : cut_.full_quantum;
  here.repetition = static_cast<std::int32_t>(repetition);
  return here;
}

std::uint64_t Run::remote_offset(const BoundPlace& place, const Here& here,
                                 const Extent& extent) const noexcept {
  if (place.kind == BoundPlace::Kind::kRemoteOutput)
    return (here.first + extent.begin) * call_->element_bytes;
  const auto tick =
      static_cast<std::uint64_t>(tick_of(place.tick, here.iteration, here.repetition));
  return place.offset + place.ring.at(tick) +
         (place.whole_segment ? extent.begin * call_->element_bytes : 0);
}

bool Run::execute(LaneState& state, const BoundStep& step, std::uint32_t segment) noexcept {
  const std::int64_t tick =
      tick_of(step.tick, base_ + segment, static_cast<std::int32_t>(state.repetition));
  switch (step.op) {
    case Op::kReduce:
      if (const PeerBuffers* peer = private_source(step))
        return read_private(state, step, here(segment, state.repetition), *peer);
      return reduce(state, step, here(segment, state.repetition));
    case Op::kClaim:
      return claim(state, step, here(segment, state.repetition));
    case Op::kPut:
      return put(step, here(segment, state.repetition));
    case Op::kSignal:
      if (step.every > 1 && (base_ + segment + 1) % step.every != 0) return true;
      if (step.offers) write_offer(step, tick + 1, call_->offer);
      return signal(state, step, tick + 1);
    case Op::kWait:
      return step.offers ? accept(state, step, tick + 1) : wait(state, step, tick + 1 - step.lag);
    case Op::kDrain:
      return drain(step, tick - step.lag);
    case Op::kRepeat:
      break;
  }
  return true;
}

// A flag that has just reached the value must have been raised by this very call.
bool Run::wait(LaneState& state, const BoundStep& step, std::int64_t needed) noexcept {
  if (needed <= 0) return true;
  for (; state.peer_at < step.waits.count; ++state.peer_at) {
    const std::uint32_t at = step.waits.begin + state.peer_at;
    // Credit of which more than enough was there the last time: the line stays where it is.
    std::int64_t& seen = plan_->seen[at];
    if (step.lag != 0 && seen >= needed) continue;
    const WaitLine& wait = plan_->wait_lines[at];
    const transport::Flag& flag = flag_of(wait, step.ring, needed);
    const auto value = static_cast<std::int64_t>(flag.value.load(std::memory_order_acquire));
    if (value < needed) return false;
    seen = value;
    const std::uint64_t tag = flag.tag.load(std::memory_order_relaxed);
    if (tag != tag_ && !is_settled(wait.peer, tag, value == needed && step.lag == 0)) return false;
  }
  return true;
}

// Of a flag with the tag of another call: one that is further on only proves a mismatch if its tag
// is of this call's number. Between two loads its writer may have moved on: then the next round
// sees it settled.
bool Run::is_settled(std::int32_t peer, std::uint64_t tag, bool is_exact) noexcept {
  if (transport::unpack_tag(tag).sequence == call_->tag.sequence) {
    mismatched_peer_ = peer;
    return false;
  }
  return !is_exact;
}

bool Run::signal(LaneState& state, const BoundStep& step, std::int64_t value) noexcept {
  for (; state.peer_at < step.signal.posted.count; ++state.peer_at) {
    const std::int32_t peer = plan_->posted[step.signal.posted.begin + state.peer_at];
    transport::Link* link = peers_.link(peer);
    transport::Message message;
    message.flag = step.flag;
    message.value = static_cast<std::uint64_t>(value);
    message.tag = call_->tag;
    transport::Ticket ticket;
    if (link == nullptr || !link->post(message, nullptr, &ticket)) return false;
  }
  raise(step, value);
  return true;
}

void Run::raise(const BoundStep& step, std::int64_t value) const noexcept {
  set_flag(step, value);
  ring(step.signal);
}

void Run::set_flag(const BoundStep& step, std::int64_t value) const noexcept {
  if (step.signal.line != nullptr)
    flag_of(step.signal, step.ring, value).raise(static_cast<std::uint64_t>(value), tag_);
}

void Run::ring(const BoundSignal& signal) const noexcept {
  if (signal.doorbells.count == 0) return;
  transport::Doorbell::ring_fence();
  for (std::uint32_t i = 0; i < signal.doorbells.count; ++i) {
    doorbell_.ring_if_asleep(*plan_->doorbells[signal.doorbells.begin + i]);
  }
}

bool Run::put(const BoundStep& step, const Here& here) noexcept {
  const Extent part = extent(step, here);
  const BoundPlace& source = plan_->places[step.sources.begin];
  const BoundPlace& destination = plan_->places[step.destinations.begin];
  const std::int64_t tick = tick_of(step.tick, here.iteration, here.repetition);
  const std::uint64_t bytes = part.count * call_->element_bytes;
  if (step.peer < 0) {
    if (bytes != 0)
      kernels::copy_to_peer(address(destination, here, part), address(source, here, part), bytes,
                            &stores_);
    raise(step, tick + 1);
    return true;
  }
  transport::Message message;
  message.flag = step.flag;
  message.value = static_cast<std::uint64_t>(tick + 1);
  message.tag = call_->tag;
  message.bytes = static_cast<std::uint32_t>(bytes);
  if (bytes != 0) {
    message.target = destination.kind == BoundPlace::Kind::kRemoteOutput
                         ? transport::Target::kOutput
                         : transport::Target::kWindow;
    message.offset = remote_offset(destination, here, part);
  }
  transport::Link* link = peers_.link(step.peer);
  transport::Ticket& ticket =
      tickets_[step.tickets][static_cast<std::uint64_t>(tick) % kTicketsARing];
  return link != nullptr &&
         link->post(message, bytes != 0 ? address(source, here, part) : nullptr, &ticket);
}

bool Run::drain(const BoundStep& step, std::int64_t tick) const noexcept {
  if (step.peer < 0 || tick < 0) return true;
  const transport::Ticket ticket =
      tickets_[step.tickets][static_cast<std::uint64_t>(tick) % kTicketsARing];
  const transport::Link* link = peers_.link(step.peer);
  return ticket == 0 || (link != nullptr && link->done(ticket));
}

// Its pointers are good until the next one is made.
kernels::ReduceArgs Run::operands_of(const BoundStep& step, const Here& here,
                                     const Extent& part) noexcept {
  for (std::uint32_t i = 0; i < step.sources.count; ++i) {
    sources_[i] = address(plan_->places[step.sources.begin + i], here, part);
  }
  for (std::uint32_t i = 0; i < step.destinations.count; ++i) {
    destinations_[i] = address(plan_->places[step.destinations.begin + i], here, part);
  }
  return args_of(step, part.count);
}

Reduction Run::reduction_of(const BoundStep& step, const kernels::ReduceArgs& args) const noexcept {
  return {args, call_->reduce, call_->element_bytes, step.staging, past_caches_ && step.lands};
}

bool Run::reduce(LaneState& state, const BoundStep& step, const Here& here) noexcept {
  if (state.copied != 0) return share(state);
  const Extent part = extent(step, here);
  if (part.count == 0) return true;
  const Reduction reduction = reduction_of(step, operands_of(step, here, part));
  if (shared_.worth_it() && shared_.begin(reduction)) {
    state.copied = 1;
    return share(state);
  }
  carry_out(reduction, &stores_);
  return true;
}

// A piece a visit, like read_private: workers do others meanwhile.
bool Run::share(LaneState& state) noexcept {
  if (shared_.work()) ++state.copied;
  return shared_.finish();
}

}  // namespace hfreduce::executor
