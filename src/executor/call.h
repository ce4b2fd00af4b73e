// One operation on one communicator, from the moment it was called until its result is there.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "base/status.h"
#include "executor/bound_plan.h"
#include "kernels/cpu/reduce.h"
#include "transport/link.h"
#include "transport/shm/peer_memory.h"

namespace hfreduce::executor {

// What was called, in the words of the caller: the same on all ranks, or it is a mismatch.
struct Signature {
  const char* collective = "";  // "allreduce"; static storage
  kernels::DataType type = kernels::DataType::kUint8;
  kernels::ReduceOp op = kernels::ReduceOp::kSum;
  bool reduces = false;  // broadcast has no op
  std::int32_t root = -1;
  std::uint64_t count = 0;

  std::string to_string() const;  // "allreduce of 1024 float32, sum"
};

// All calls before one. Some end before anybody could compare them (no elements; a rank that takes
// itself for the root of a broadcast), so each call's fingerprint answers for those before it too.
struct EarlierCalls {
  std::uint64_t count = 0;
  std::uint32_t fingerprint = 0;  // of all of them, in order

  // `call_fingerprint`: already mixed.
  void add(std::uint32_t call_fingerprint) noexcept {
    fingerprint = call_fingerprint;
    ++count;
  }
  // The fingerprint of a call that comes after them.
  std::uint32_t mixed_into(std::uint32_t call_fingerprint) const noexcept {
    if (count == 0) return call_fingerprint;
    std::uint64_t hash = (std::uint64_t{fingerprint} << 32 | call_fingerprint) + count;
    hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccdull;  // the finalizer of MurmurHash3
    return static_cast<std::uint32_t>(hash ^ (hash >> 32));
  }
};

struct Call {
  Signature signature;
  const std::byte* input = nullptr;
  std::byte* output = nullptr;
  transport::Offer offer;      // where peers find these, if they can
  std::uint64_t elements = 0;  // as the kernels see them
  std::uint32_t element_bytes = 1;
  kernels::ReduceFn reduce = nullptr;
  std::int64_t divisor = 0;  // for avg; 0: none
  // The caller's input where it is to be multiplied by a scalar on its way into the output, which
  // then is `input` too; nullptr: it is not.
  const std::byte* raw_input = nullptr;
  std::uint64_t scalar = 0;  // its bits
  kernels::ReduceFn multiply = nullptr;
  std::uint32_t fingerprint = 0;  // of this call alone
  transport::Tag tag;             // once it is called
  std::uint64_t sequence = 0;
  std::int64_t timeout_ms = 0;  // counted from when the operation first has to wait
};

struct Operation {
  enum class State : std::uint8_t { kQueued, kActive, kDone };
  std::atomic<State> state{State::kQueued};
  Route route;
  // Taken instead, the first for which all ranks concerned offer the buffers that it uses; no plan:
  // there is none, nor a later one.
  std::array<Route, 2> zero_copy;
  Call call;
  Status status;              // once done
  Operation* next = nullptr;  // in the engine's queue

  // Becomes one like `other`, which may be anywhere in its life; this one is not in a queue.
  void plan_like(const Operation& other) {
    route = other.route;
    zero_copy = other.zero_copy;
    call = other.call;
  }
  // Whichever way it takes; see lay_straight().
  bool is_straight() const noexcept {
    if (zero_copy[0].plan == nullptr) return route.straight;
    return route.straight && zero_copy[0].straight &&
           (zero_copy[1].plan == nullptr || zero_copy[1].straight);
  }
  bool done() const noexcept { return state.load(std::memory_order_acquire) == State::kDone; }
};

// The latest operations of a communicator, readable by the control thread while they are being
// written: who called what, for the question "what is everyone doing about operation N?".
class History {
 public:
  // Sequences follow each other without a gap.
  void called(std::uint64_t sequence, std::uint32_t fingerprint,
              const Signature& signature) noexcept {
    // Its number is cleared first and written last: who finds the same one before and after has
    // read words that belong together.
    Slot& slot = slots_[sequence % slots_.size()];
    slot.sequence.store(0, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_release);
    slot.fingerprint.store(fingerprint, std::memory_order_relaxed);
    slot.call.write(signature);
    slot.sequence.store(sequence, std::memory_order_release);
    called_.store(sequence, std::memory_order_release);
  }
  void completed(std::uint64_t sequence) noexcept {
    completed_.store(sequence, std::memory_order_relaxed);
  }

  enum class Phase : std::uint8_t { kNotStarted, kActive, kDone };
  struct Entry {
    Phase phase = Phase::kNotStarted;
    std::uint64_t called = 0;  // the latest operation that was
    bool waiting = false;      // it is not done yet
    std::uint32_t fingerprint = 0;
    std::string description;  // with the call before it, if that is not too long ago
  };
  Entry find(std::uint64_t sequence) const;

 private:
  // A signature in words that may be read while they are written.
  struct Words {
    std::atomic<const char*> collective{""};
    std::atomic<std::uint64_t> count{0}, rest{0};

    void write(const Signature& signature) noexcept {
      collective.store(signature.collective, std::memory_order_relaxed);
      count.store(signature.count, std::memory_order_relaxed);
      rest.store((std::uint64_t(static_cast<std::uint32_t>(signature.root)) << 32) |
                     (signature.reduces ? 1u << 16 : 0u) |
                     (static_cast<std::uint32_t>(signature.op) << 8) |
                     static_cast<std::uint32_t>(signature.type),
                 std::memory_order_relaxed);
    }
    Signature read() const noexcept;
  };
  struct Slot {
    std::atomic<std::uint64_t> sequence{0};
    std::atomic<std::uint64_t> fingerprint{0};
    Words call;
  };
  // What was called, and its fingerprint; nothing: too long ago, or overwritten meanwhile.
  std::optional<std::pair<Signature, std::uint32_t>> read(std::uint64_t sequence) const noexcept;

  std::array<Slot, 64> slots_;
  std::atomic<std::uint64_t> called_{0}, completed_{0};
};

}  // namespace hfreduce::executor
