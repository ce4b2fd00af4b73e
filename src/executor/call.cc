#include "executor/call.h"

#include <fmt/core.h>

namespace hfreduce::executor {

std::string Signature::to_string() const {
  std::string text = fmt::format("{} of {} {}", collective, count, kernels::name_of(type));
  if (reduces) text += fmt::format(", {}", kernels::name_of(op));
  if (root >= 0) text += fmt::format(", root {}", root);
  return text;
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
