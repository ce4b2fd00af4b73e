// Peers' own buffers: this rank's are offered, theirs accepted, then mapped or read.
#include <span>

#include "executor/run.h"

namespace hfreduce::executor {
namespace {

// Flags that carry offers have lines of their own.
transport::Offer read_offer(const WaitLine& wait, std::int64_t value) noexcept {
  return reinterpret_cast<const transport::FlagLine*>(wait.line)->read_offer(
      static_cast<std::uint64_t>(value));
}

}  // namespace

void Run::write_offer(const BoundStep& step, std::int64_t value,
                      const transport::Offer& offer) const noexcept {
  reinterpret_cast<transport::FlagLine*>(step.signal.line)
      ->write_offer(static_cast<std::uint64_t>(value), offer);
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
  if (offer.is_private()) return take_private(wait, offer);
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
      if (step.op != schedule::Op::kSignal || !step.offers) continue;
      const auto value = static_cast<std::int64_t>(step.tick.at(base, 0)) + 1;
      write_offer(step, value, {});
      raise(step, value);
    }
  }
}

}  // namespace hfreduce::executor
