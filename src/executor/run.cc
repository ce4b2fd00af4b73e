#include "executor/run.h"

#include <algorithm>
#include <cstring>
#include <span>

#include "base/relax.h"
#include "executor/premultiply.h"

namespace hfreduce::executor {
namespace {

using schedule::Op;

// A result of so many bytes has left the caches before its caller comes to read it. Measured
// between hosts, on AMD's.
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

// Flags that carry offers have lines of their own.
transport::Offer read_offer(const WaitLine& wait, std::int64_t value) noexcept {
  return reinterpret_cast<const transport::FlagLine*>(wait.line)->read_offer(
      static_cast<std::uint64_t>(value));
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
  past_caches_ = call.elements * call.element_bytes >= kPastCachesFrom && !plan.links.empty() &&
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
      return put(state, step, here(segment, state.repetition));
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

// Where the buffers are is learnt once a call, at its first segment. Where others have done this
// rank's work already, they may have gone on, and the buffers with them.
bool Run::accept(LaneState& state, const BoundStep& step, std::int64_t needed) noexcept {
  if (!wait(state, step, needed)) return false;
  if (accepted_) return true;
  const std::span waits(plan_->wait_lines.data() + step.waits.begin, step.waits.count);
  for (const WaitLine& wait : waits) declined_ |= read_offer(wait, needed).process == 0;
  if (declined_) return false;
  if (nothing_left(state)) return true;
  if (!unreadable_.ok()) return false;
  for (const WaitLine& wait : waits) {
    if (map_buffers(wait, read_offer(wait, needed))) continue;
    if (!nothing_left(state)) return false;
    failure_ = unreadable_ = {};
    return true;
  }
  return accepted_ = true;
}

bool Run::map_buffers(const WaitLine& wait, const transport::Offer& offer) noexcept {
  const auto at = static_cast<std::size_t>(wait.local);
  if (buffers_.size() <= at) buffers_.resize(at + 1);
  buffers_[at] = {nullptr, nullptr, 0, wait.peer};
  if (offer.input.object == transport::PeerReads::kPrivate) return take_private(wait, offer);
  const auto map = [&](const transport::BufferName& buffer, std::byte** place) {
    if (buffer.object == 0) return true;  // nobody needs it
    auto found = memory_.find(offer.process, buffer, call_->elements * call_->element_bytes);
    if (!found.ok()) {
      // Who does not hand out what it has just offered has most likely died.
      (found.status().code() == Code::kSystemError ? unreadable_ : failure_) = found.status();
      failed_peer_ = wait.peer;
      return false;
    }
    *place = *found;
    return *found != nullptr;
  };
  return map(offer.input, &buffers_[at].input) && map(offer.output, &buffers_[at].output);
}

bool Run::take_private(const WaitLine& wait, const transport::Offer& offer) noexcept {
  if (!reads_.allowed() || !plan_->copies_inputs || offer.input.offset == 0) {
    failure_ = Status(Code::kProtocolError, "a peer offers private memory where none can be used");
    failed_peer_ = wait.peer;
    return false;
  }
  buffers_[static_cast<std::size_t>(wait.local)].private_input = offer.input.offset;
  return true;
}

Run::PeerBuffers* Run::private_source(const BoundStep& step) noexcept {
  if (!accepted_ || step.sources.count != 1) return nullptr;
  const BoundPlace& source = plan_->places[step.sources.begin];
  if (source.kind != BoundPlace::Kind::kPeerInput) return nullptr;
  PeerBuffers& peer = buffers_[static_cast<std::size_t>(source.owner)];
  return peer.private_input != 0 ? &peer : nullptr;
}

// A piece a visit: between two of them others get their turn, and an abort is heard.
bool Run::read_private(LaneState& state, const BoundStep& step, const Here& here,
                       const PeerBuffers& peer) noexcept {
  if (!unreadable_.ok()) return false;
  const Extent part = extent(step, here);
  const std::uint64_t bytes = part.count * call_->element_bytes;
  const std::uint64_t first = (here.first + part.begin) * call_->element_bytes + state.copied;
  if (bytes == 0) return true;
  const BoundPlace& source = plan_->places[step.sources.begin];
  std::byte* const to = address(plan_->places[step.destinations.begin], here, part) + state.copied;
  auto read = reads_.read(source.owner, peer.private_input + first, to, bytes - state.copied);
  if (!read.ok()) {
    unreadable_ = read.status();
    failed_peer_ = peer.rank;
    return false;
  }
  state.copied += *read;
  return state.copied == bytes;
}

void Run::decline(const BoundPlan& plan, const Call& call, std::uint64_t base) noexcept {
  plan_ = &plan;
  call_ = &call;
  tag_ = pack_tag(call.tag);
  for (const BoundLane& lane : plan.lanes) {
    for (const BoundStep& step : lane.steps) {
      if (step.op != Op::kSignal || !step.offers) continue;
      const std::int64_t value = tick_of(step.tick, base, 0) + 1;
      write_offer(step, value, {});
      raise(step, value);
    }
  }
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

void Run::write_offer(const BoundStep& step, std::int64_t value,
                      const transport::Offer& offer) const noexcept {
  reinterpret_cast<transport::FlagLine*>(step.signal.line)
      ->write_offer(static_cast<std::uint64_t>(value), offer);
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

bool Run::put(LaneState& state, const BoundStep& step, const Here& here) noexcept {
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
  static_cast<void>(state);
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
