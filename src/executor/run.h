// The interpreter: carries one bound plan through one call, as far as it goes without waiting,
// again and again until it is done.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "executor/bound_plan.h"
#include "executor/call.h"
#include "executor/peers.h"
#include "executor/shared_reduce.h"
#include "kernels/cpu/stream_copy.h"
#include "transport/shm/doorbell.h"
#include "transport/shm/peer_reads.h"

namespace hfreduce::executor {

class Run {
 public:
  Run(Peers& peers, const transport::Doorbell& doorbell, transport::PeerMemory& memory,
      const transport::PeerReads& reads)
      : peers_(peers), doorbell_(doorbell), memory_(memory), reads_(reads) {}

  // Makes room for a plan that was bound, so that no run of it allocates.
  void provide(const BoundPlan& plan);
  // `base`: iterations that the plan's channel has seen so far.
  void begin(const Route& route, const Call& call, std::uint64_t base) {
    plan_ = route.plan;
    call_ = &call;
    base_ = base;
    tag_ = pack_tag(call.tag);
    cut_ = route.cut;
    mismatched_peer_ = failed_peer_ = -1;
    accepted_ = declined_ = false;
    if (!unreadable_.ok()) unreadable_ = {};
    straight_ = route.straight && call.raw_input == nullptr;
    straight_ ? begin_straight() : begin_lanes();
  }
  // Tells those who would use this rank's buffers that they cannot.
  void decline(const BoundPlan& plan, const Call& call, std::uint64_t base) noexcept;
  // Somebody's buffers cannot be had: all ranks leave this plan before anything was done. It has
  // taken one iteration.
  bool declined() const noexcept { return declined_; }
  // Why the buffers of failed_peer() could not be mapped; ok: nothing is wrong.
  const Status& failure() const noexcept { return failure_; }
  // Why the memory of failed_peer() cannot be had: this run goes no further. Perhaps the peer has
  // just died, which others know better; ok: nothing is wrong.
  const Status& unreadable() const noexcept { return unreadable_; }
  std::int32_t failed_peer() const noexcept { return failed_peer_; }
  // See kernels::StoreChoice::better_read.
  bool better_read() noexcept { return stores_.better_read(); }
  // Large reductions are shared with workers from now on, who tell `owner` when they have done.
  void hire(std::int32_t threads, const workers::Desk::Owner& owner) {
    shared_.hire(threads, owner);
  }
  // A straight run looks so often at what it waits for, in all, before it turns to who may sleep
  // (a fence) and gives up for now (a way back of 150 instructions). For ranks that have cores of
  // their own.
  void look_first(int looks) noexcept { looks_first_ = looks; }
  // The call is over, perhaps in the middle of a step. Afterwards no worker touches its buffers.
  void end() noexcept {
    if (!straight_) shared_.end_call();
  }
  // One round over the lanes. Returns whether any step was done.
  bool advance() noexcept { return straight_ ? advance_straight() : advance_lanes(); }
  bool finished() const noexcept { return lanes_left_ == 0; }
  std::uint32_t segments() const noexcept { return cut_.segments; }
  // A peer whose flag came with another call's tag, or -1.
  std::int32_t mismatched_peer() const noexcept { return mismatched_peer_; }
  // Where all that is left to do is one lane that waits for one flag in memory, looks at it up to
  // `looks` times: much sooner than a whole round would. Returns how often it looked in vain; -1:
  // it is there.
  int glance(int looks) const noexcept;
  // The peer that the first blocked lane waits for, or -1. For diagnosis.
  std::int32_t waits_for() const noexcept;

 private:
  struct LaneState {
    const BoundLane* lane = nullptr;
    std::uint32_t turn = 0, turns = 0;
    std::uint32_t at = 0;
    std::uint32_t repetition = 0;
    std::uint32_t repeat_begin = 0, repeat_end = 0, repeat_count = 0;  // repeat_end 0: in no repeat
    std::uint32_t peer_at = 0;  // how many peers of the current wait or signal are served
    // How far the current step has come: bytes of a copy out of private memory, claimed chunks, or
    // one more than the pieces that this thread has done of a reduction that is shared with
    // workers.
    std::uint64_t copied = 0;
    bool blocked = false;
  };
  // A peer's own buffers in this call, once they were offered.
  struct PeerBuffers {
    std::byte *input = nullptr, *output = nullptr;
    std::uint64_t private_input = 0;  // its address there; 0: it is mapped
    std::int32_t rank = -1;
  };
  // A step's place in the data: which segment, which repetition.
  struct Here {
    std::uint64_t iteration;
    std::uint64_t first, length, quantum;  // of the segment, in elements
    std::int32_t repetition;
  };
  struct Extent {
    std::uint64_t begin, count;  // within the segment, in elements
  };
  static constexpr std::size_t kTicketsARing = 16;

  void begin_straight() noexcept {
    whole_ = {base_, 0, call_->elements, cut_.last_quantum, 0};
    whole_bytes_ = call_->elements * call_->element_bytes;
    only_ = {};
    only_.turns = lanes_left_ = 1;
    looks_left_ = looks_first_;
  }
  void begin_lanes();
  bool advance_lanes() noexcept;
  bool advance_lane(LaneState& state) noexcept;
  // run_straight.cc
  bool advance_straight() noexcept;
  std::uint32_t do_straight(std::uint32_t at) noexcept;
  bool await_straight(const StraightStep& step) noexcept;
  std::byte* address_straight(const BoundPlace& place, std::uint64_t begin) const noexcept;
  void copy(const StraightStep& step) noexcept;
  void reduce_straight(const StraightStep& step) noexcept;
  void ring_all() const noexcept;
  // Where a lane is, or the straight run.
  const BoundStep& step_of(const LaneState& state) const noexcept {
    return straight_ ? *plan_->straight[state.at].step : state.lane->steps[state.at];
  }
  std::span<const LaneState> states() const noexcept {
    return straight_ ? std::span<const LaneState>(&only_, 1) : lanes_;
  }
  std::uint32_t wait_of(const LaneState& state, const BoundStep& step) const noexcept;
  void next_step(LaneState& state) noexcept;
  void multiply_until(const Here& here) noexcept;
  bool execute(LaneState& state, const BoundStep& step, std::uint32_t segment) noexcept;
  bool wait(LaneState& state, const BoundStep& step, std::int64_t needed) noexcept;
  bool is_settled(std::int32_t peer, std::uint64_t tag, bool is_exact) noexcept;
  bool signal(LaneState& state, const BoundStep& step, std::int64_t value) noexcept;
  bool put(const BoundStep& step, const Here& here) noexcept;
  bool drain(const BoundStep& step, std::int64_t tick) const noexcept;
  bool reduce(LaneState& state, const BoundStep& step, const Here& here) noexcept;
  kernels::ReduceArgs operands_of(const BoundStep& step, const Here& here,
                                  const Extent& part) noexcept;
  // Of the operands that were written down last.
  kernels::ReduceArgs args_of(const BoundStep& step, std::uint64_t elements) const noexcept {
    return {sources_.data(),
            destinations_.data(),
            static_cast<std::int32_t>(step.sources.count),
            static_cast<std::int32_t>(step.destinations.count),
            elements,
            step.final ? call_->divisor : 0};
  }
  Reduction reduction_of(const BoundStep& step, const kernels::ReduceArgs& args) const noexcept;
  bool share(LaneState& state) noexcept;
  void raise(const BoundStep& step, std::int64_t value) const noexcept;
  void set_flag(const BoundStep& step, std::int64_t value) const noexcept;
  void ring(const BoundSignal& signal) const noexcept;
  // run_buffers.cc
  bool accept(LaneState& state, const BoundStep& step, std::int64_t needed) noexcept;
  bool map_buffers(const WaitLine& wait, const transport::Offer& offer) noexcept;
  bool take_private(const WaitLine& wait, const transport::Offer& offer) noexcept;
  PeerBuffers* private_source(const BoundStep& step) noexcept;
  bool read_private(LaneState& state, const BoundStep& step, const Here& here,
                    const PeerBuffers& peer) noexcept;
  void write_offer(const BoundStep& step, std::int64_t value,
                   const transport::Offer& offer) const noexcept;
  // run_claims.cc
  bool claim(LaneState& state, const BoundStep& step, const Here& here) noexcept;
  // Whether all that this lane is to claim next has been done by others.
  bool nothing_left(const LaneState& state) const noexcept;
  // A peer that does what this lane waits for, or -1.
  std::int32_t claimer(const LaneState& state, const BoundStep& step) const noexcept;

  Here here(std::uint32_t segment, std::uint32_t repetition) const noexcept;
  Extent extent(const BoundStep& step, const Here& here) const noexcept {
    return extent(static_cast<std::uint64_t>(step.chunks.first(here.repetition)),
                  static_cast<std::uint64_t>(step.chunks.count), here);
  }
  // Chunks first .. first+count-1.
  Extent extent(std::uint64_t first, std::uint64_t count, const Here& here) const noexcept {
    const std::uint64_t begin = std::min(here.length, first * here.quantum);
    const std::uint64_t end = std::min(here.length, (first + count) * here.quantum);
    return {begin, end - begin};
  }
  std::byte* address(const BoundPlace& place, const Here& here,
                     const Extent& extent) const noexcept {
    const std::uint64_t within = (here.first + extent.begin) * call_->element_bytes;
    switch (place.kind) {
      case BoundPlace::Kind::kInput:
        return const_cast<std::byte*>(call_->input) + within;
      case BoundPlace::Kind::kOutput:
        return call_->output + within;
      case BoundPlace::Kind::kPeerInput:
        return buffers_[static_cast<std::size_t>(place.owner)].input + within;
      case BoundPlace::Kind::kPeerOutput:
        return buffers_[static_cast<std::size_t>(place.owner)].output + within;
      default:
        return place.base +
               place.ring.at(
                   place.tick.at(here.iteration, static_cast<std::uint32_t>(here.repetition))) +
               (place.whole_segment ? extent.begin * call_->element_bytes : 0);
    }
  }
  std::uint64_t remote_offset(const BoundPlace& place, const Here& here,
                              const Extent& extent) const noexcept;

  Peers& peers_;
  const transport::Doorbell& doorbell_;
  transport::PeerMemory& memory_;
  const transport::PeerReads& reads_;
  const BoundPlan* plan_ = nullptr;
  const Call* call_ = nullptr;
  std::uint64_t base_ = 0, tag_ = 0;
  Cut cut_;
  bool straight_ = false;  // the plan's straight steps are taken one after the other
  LaneState only_;         // then: `at` counts them
  Here whole_{};           // then: the segment
  std::uint64_t whole_bytes_ = 0;
  // Elements of the input that are as the steps are to find them; of which call.
  static constexpr std::uint64_t kAll = ~0ull;
  std::uint64_t multiplied_ = kAll, multiplied_of_ = 0;
  std::uint32_t lanes_left_ = 0;
  std::int32_t mismatched_peer_ = -1, failed_peer_ = -1;
  bool accepted_ = false, declined_ = false;
  bool past_caches_ = false;  // results are stored past the caches
  Status failure_, unreadable_;
  std::vector<PeerBuffers> buffers_;  // by the number of their rank on this host
  std::vector<LaneState> lanes_;
  std::vector<std::array<transport::Ticket, kTicketsARing>> tickets_;
  SharedReduce shared_;
  std::vector<const void*> sources_;
  std::vector<void*> destinations_;
  kernels::StoreChoice stores_;
  int looks_first_ = 0, looks_left_ = 0;
};

}  // namespace hfreduce::executor
