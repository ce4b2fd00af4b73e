// Calls of one segment among ranks of one host, most of them small: the steps of the plan's only
// lane one after the other, without what the interpreter needs for segments, repetitions and links.
#include <cstring>

#include "executor/run.h"

namespace hfreduce::executor {

using schedule::Op;

void Run::begin_straight() noexcept {
  whole_ = {base_, 0, call_->elements, cut_.last_quantum, 0};
  only_ = {};
  only_.turns = lanes_left_ = 1;
}

inline bool Run::execute_straight(const BoundStep& step) noexcept {
  const auto tick = static_cast<std::int64_t>(step.tick.at(base_, 0));
  switch (step.op) {
    case Op::kWait:
      return step.offers ? accept(only_, step, tick + 1) : wait(only_, step, tick + 1 - step.lag);
    case Op::kPut:
      copy(step);
      [[fallthrough]];
    case Op::kSignal:
      if (step.offers) write_offer(step, tick + 1, call_->offer);
      set_flag(step, tick + 1);
      return true;
    case Op::kReduce:
      if (const PeerBuffers* peer = private_source(step))
        return read_private(only_, step, whole_, *peer);
      if (step.sources.count != 1 || step.destinations.count != 1 || step.final)
        return reduce(only_, step, whole_);
      copy(step);
      return true;
    default:  // kDrain: nothing was posted
      return true;
  }
}

bool Run::advance_straight() noexcept {
  const std::span<const BoundStep> steps = plan_->straight;
  const std::uint32_t begin = only_.at;
  std::uint32_t at = begin;
  const std::uint64_t copied = only_.copied;
  bool raised = false;
  for (; at != steps.size() && execute_straight(steps[at]); ++at) {
    only_.peer_at = 0;
    only_.copied = 0;
    raised |= steps[at].signal.line != nullptr;
  }
  only_.at = at;
  if (raised) ring_all();
  only_.blocked = at != steps.size();
  if (!only_.blocked) {
    only_.turn = 1;
    lanes_left_ = 0;
  }
  return at != begin || only_.copied != copied;
}

void Run::copy(const BoundStep& step) noexcept {
  const Extent part = extent(step, whole_);
  const std::byte* const from = address(plan_->places[step.sources.begin], whole_, part);
  std::byte* const to = address(plan_->places[step.destinations.begin], whole_, part);
  const std::uint64_t bytes = part.count * call_->element_bytes;
  if (bytes == 0 || from == to) return;
  if (step.op == Op::kPut || step.staging)
    kernels::copy_to_peer(to, from, bytes, &stores_);
  else
    std::memcpy(to, from, bytes);
}

// One fence for all flags that were raised, when nothing else is left to do: it waits for the
// stores before it, and a peer that is awake does not need it.
void Run::ring_all() const noexcept {
  transport::Doorbell::ring_fence();
  for (transport::DoorbellLine* line : plan_->straight_doorbells) doorbell_.ring_if_asleep(*line);
}

}  // namespace hfreduce::executor
