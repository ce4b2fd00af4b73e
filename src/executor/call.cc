#include "executor/call.h"

#include <fmt/core.h>

namespace hfreduce::executor {

std::string Signature::to_string() const {
  std::string text = fmt::format("{} of {} {}", collective, count, kernels::name_of(type));
  if (reduces) text += fmt::format(", {}", kernels::name_of(op));
  if (root >= 0) text += fmt::format(", root {}", root);
  return text;
}

void History::called(std::uint64_t sequence, std::uint32_t fingerprint,
                     const Signature& signature) noexcept {
  Slot& slot = slots_[sequence % slots_.size()];
  slot.sequence.store(0, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_release);
  slot.fingerprint.store(fingerprint, std::memory_order_relaxed);
  slot.count.store(signature.count, std::memory_order_relaxed);
  slot.rest.store((std::uint64_t(static_cast<std::uint32_t>(signature.root)) << 32) |
                      (signature.reduces ? 1u << 16 : 0u) |
                      (static_cast<std::uint32_t>(signature.op) << 8) |
                      static_cast<std::uint32_t>(signature.type),
                  std::memory_order_relaxed);
  slot.collective.store(signature.collective, std::memory_order_relaxed);
  slot.sequence.store(sequence, std::memory_order_release);
  called_.store(sequence, std::memory_order_release);
}

History::Entry History::find(std::uint64_t sequence) const {
  Entry entry;
  if (sequence > called_.load(std::memory_order_acquire)) return entry;
  entry.phase =
      sequence <= completed_.load(std::memory_order_relaxed) ? Phase::kDone : Phase::kActive;
  const Slot& slot = slots_[sequence % slots_.size()];
  if (slot.sequence.load(std::memory_order_acquire) != sequence) return entry;  // too long ago
  Signature signature;
  const std::uint64_t rest = slot.rest.load(std::memory_order_relaxed);
  signature.collective = slot.collective.load(std::memory_order_relaxed);
  signature.count = slot.count.load(std::memory_order_relaxed);
  signature.root = static_cast<std::int32_t>(rest >> 32);
  signature.reduces = (rest >> 16 & 1) != 0;
  signature.op = static_cast<kernels::ReduceOp>(rest >> 8 & 0xff);
  signature.type = static_cast<kernels::DataType>(rest & 0xff);
  entry.fingerprint = static_cast<std::uint32_t>(slot.fingerprint.load(std::memory_order_relaxed));
  std::atomic_thread_fence(std::memory_order_acquire);
  if (slot.sequence.load(std::memory_order_relaxed) != sequence) return Entry{entry.phase, 0, ""};
  entry.description = signature.to_string();
  return entry;
}

}  // namespace hfreduce::executor
