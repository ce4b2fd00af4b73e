#include "kernels/cpu/stream_copy.h"

#include <cstring>

#include "base/clock.h"
#include "kernels/cpu/copy.h"

#if defined(__x86_64__)
#include <emmintrin.h>
#endif

namespace hfreduce::kernels {

#if defined(__x86_64__)

bool streaming_may_pay() noexcept {
  static const bool may = __builtin_cpu_is("amd") != 0;
  return may;
}

void copy_past_caches(void* to, const void* from, std::size_t bytes) noexcept {
  constexpr std::size_t kLine = 64;
  auto* destination = static_cast<std::byte*>(to);
  const auto* source = static_cast<const std::byte*>(from);
  // Whole lines only: a line that is written in part has to be fetched after all.
  const std::size_t misaligned = reinterpret_cast<std::uintptr_t>(destination) % kLine;
  const std::size_t head = misaligned == 0 ? 0 : kLine - misaligned;
  if (head >= bytes) {
    std::memcpy(destination, source, bytes);
    return;
  }
  std::memcpy(destination, source, head);
  std::size_t at = head;
  for (; at + kLine <= bytes; at += kLine) {
    const auto* lines = reinterpret_cast<const __m128i*>(source + at);
    auto* out = reinterpret_cast<__m128i*>(destination + at);
    const __m128i a = _mm_loadu_si128(lines), b = _mm_loadu_si128(lines + 1);
    const __m128i c = _mm_loadu_si128(lines + 2), d = _mm_loadu_si128(lines + 3);
    _mm_stream_si128(out, a);
    _mm_stream_si128(out + 1, b);
    _mm_stream_si128(out + 2, c);
    _mm_stream_si128(out + 3, d);
  }
  std::memcpy(destination + at, source + at, bytes - at);
  _mm_sfence();  // streaming stores are ordered with nothing else
}

#else

bool streaming_may_pay() noexcept { return false; }

void copy_past_caches(void* to, const void* from, std::size_t bytes) noexcept {
  std::memcpy(to, from, bytes);
}

#endif

namespace {
// Between what plain stores reach through the fabric (2 GB/s) and out of memory (5 and more).
constexpr std::int64_t kSlowBytesPerNs = 5;
}  // namespace

void StoreChoice::took(std::size_t bytes, std::int64_t ns) noexcept {
  since_timed_ = 0;
  const std::int64_t now = ns * 65536 / static_cast<std::int64_t>(bytes);
  ns_per_64k_ = ns_per_64k_ == 0 ? now : (ns_per_64k_ * 3 + now) / 4;
  if (static_cast<std::int64_t>(bytes) >= kSlowBytesPerNs * ns) {
    in_doubt_ = false;
    slow_ = 0;
    run_ = kShortestRun;
    return;
  }
  if (!may_stream_) return;
  in_doubt_ = true;
  if (++slow_ < kSlowOnes) return;
  slow_ = 0;
  streaming_left_ = run_;
  run_ = run_ * 2 < kLongestRun ? run_ * 2 : kLongestRun;
}

void copy_many_to_peer(void* to, const void* from, std::size_t bytes,
                       StoreChoice* choice) noexcept {
  if (choice->streams()) {
    copy_past_caches(to, from, bytes);
  } else if (choice->is_timed()) {
    const Nanoseconds before = now_ns();
    copy(to, from, bytes);
    choice->took(bytes, now_ns() - before);
  } else {
    copy(to, from, bytes);
  }
}

}  // namespace hfreduce::kernels
