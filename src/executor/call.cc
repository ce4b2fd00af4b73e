#include "executor/call.h"

#include <fmt/core.h>

namespace hfreduce::executor {

std::string Signature::to_string() const {
  std::string text = fmt::format("{} of {} {}", collective, count, kernels::name_of(type));
  if (reduces) text += fmt::format(", {}", kernels::name_of(op));
  if (root >= 0) text += fmt::format(", root {}", root);
  return text;
}

std::uint32_t EarlierCalls::mixed_into(std::uint32_t call_fingerprint) const noexcept {
  if (count == 0) return call_fingerprint;
  std::uint64_t hash = (std::uint64_t{fingerprint} << 32 | call_fingerprint) + count;
  hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccdull;  // the finalizer of MurmurHash3
  return static_cast<std::uint32_t>(hash ^ (hash >> 32));
}

void History::Words::write(const Signature& signature) noexcept {
  collective.store(signature.collective, std::memory_order_relaxed);
  count.store(signature.count, std::memory_order_relaxed);
  rest.store((std::uint64_t(static_cast<std::uint32_t>(signature.root)) << 32) |
                 (signature.reduces ? 1u << 16 : 0u) |
                 (static_cast<std::uint32_t>(signature.op) << 8) |
                 static_cast<std::uint32_t>(signature.type),
             std::memory_order_relaxed);
}

Signature History::Words::read() const noexcept {
  Signature signature;
  const std::uint64_t packed = rest.load(std::memory_order_relaxed);
  signature.collective = collective.load(std::memory_order_relaxed);
  signature.count = count.load(std::memory_order_relaxed);
  signature.root = static_cast<std::int32_t>(packed >> 32);
  signature.reduces = (packed >> 16 & 1) != 0;
  signature.op = static_cast<kernels::ReduceOp>(packed >> 8 & 0xff);
  signature.type = static_cast<kernels::DataType>(packed & 0xff);
  return signature;
}

// The sequence number is cleared first and written last: who finds the same one before and after
// has read words that belong together.
void History::called(std::uint64_t sequence, std::uint32_t fingerprint,
                     const Signature& signature) noexcept {
  Slot& slot = slots_[sequence % slots_.size()];
  slot.sequence.store(0, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_release);
  slot.fingerprint.store(fingerprint, std::memory_order_relaxed);
  slot.call.write(signature);
  slot.sequence.store(sequence, std::memory_order_release);
  called_.store(sequence, std::memory_order_release);
}

std::optional<std::pair<Signature, std::uint32_t>> History::read(
    std::uint64_t sequence) const noexcept {
  const Slot& slot = slots_[sequence % slots_.size()];
  if (sequence == 0 || slot.sequence.load(std::memory_order_acquire) != sequence) return {};
  const Signature signature = slot.call.read();
  const auto fingerprint =
      static_cast<std::uint32_t>(slot.fingerprint.load(std::memory_order_relaxed));
  std::atomic_thread_fence(std::memory_order_acquire);
  if (slot.sequence.load(std::memory_order_relaxed) != sequence) return {};
  return std::pair(signature, fingerprint);
}

History::Entry History::find(std::uint64_t sequence) const {
  Entry entry;
  entry.called = called_.load(std::memory_order_acquire);
  const std::uint64_t completed = completed_.load(std::memory_order_relaxed);
  entry.waiting = completed < entry.called;
  if (sequence > entry.called) return entry;
  entry.phase = sequence <= completed ? Phase::kDone : Phase::kActive;
  const auto call = read(sequence);
  if (!call) return entry;
  entry.fingerprint = call->second;
  entry.description = call->first.to_string();
  if (const auto before = read(sequence - 1))
    entry.description += ", after " + before->first.to_string();
  return entry;
}

}  // namespace hfreduce::executor
