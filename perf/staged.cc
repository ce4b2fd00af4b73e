#include "staged.h"

#include <sched.h>

#include <algorithm>
#include <cstring>

#include "streaming.h"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace hfreduce::perf {
namespace {

constexpr std::uint64_t kLine = 64;
// Two-shot: a piece is put while the one before is summed and the one before that fetched.
constexpr std::uint64_t kSlots = 3;
// Between slots: prefetchers would else pull lines that a peer is about to write.
constexpr std::uint64_t kGap = 1024;
constexpr std::uint64_t kHead = 4096;  // of a window: counters
constexpr std::uint64_t kPieceAtLeast = 4096;

std::uint64_t lines_of(std::uint64_t bytes) { return (bytes + kLine - 1) / kLine * kLine; }

using Word [[gnu::may_alias]] = std::uint64_t;

[[gnu::always_inline]] inline void sum_words(const Word* own, const Word* slot, Word* out,
                                             Word* back, std::uint64_t words) {
#pragma GCC ivdep
  for (std::uint64_t i = 0; i < words; ++i) {
    const Word sum = own[i] + slot[i];
    out[i] = sum;
    back[i] = sum;
  }
}

#if defined(__x86_64__)
[[gnu::target("avx2")]] void sum_words_avx2(const Word* own, const Word* slot, Word* out,
                                            Word* back, std::uint64_t words) {
  sum_words(own, slot, out, back, words);
}
#endif

// own + slot, into `out` and `back`; out may be own, and back the slot.
void sum_two(const Word* own, const Word* slot, Word* out, Word* back, std::uint64_t words) {
#if defined(__x86_64__)
  static const bool avx2 = __builtin_cpu_supports("avx2");
  if (avx2) return sum_words_avx2(own, slot, out, back, words);
#endif
  sum_words(own, slot, out, back, words);
}

// own + all slots, into `out` and, if asked, back into the slots. What there is of more than one
// slot is added up in the first level cache.
void sum_all(const std::byte* own, std::span<std::byte* const> slots, std::byte* out,
             std::uint64_t bytes, bool back) {
  constexpr std::uint64_t kBlock = 4096;
  const auto words = [](auto* at) { return reinterpret_cast<Word*>(const_cast<std::byte*>(at)); };
  std::uint64_t at = 0;
  for (; at + sizeof(Word) <= bytes; at += std::min(kBlock, bytes - at) / 8 * 8) {
    const std::uint64_t count = std::min(kBlock, bytes - at) / sizeof(Word);
    const std::byte* sum = own + at;
    for (std::byte* slot : slots) {
      const bool last = slot == slots.back();
      sum_two(words(sum), words(slot + at), words(out + at),
              words((back && last ? slot : out) + at), count);
      sum = out + at;
    }
    for (std::byte* slot : slots) {
      if (back && slot != slots.back()) std::memcpy(slot + at, out + at, count * sizeof(Word));
    }
  }
  for (; at < bytes; ++at) {
    std::byte sum = own[at];
    for (const std::byte* slot : slots)
      sum = static_cast<std::byte>(std::to_integer<int>(sum) + std::to_integer<int>(slot[at]));
    out[at] = sum;
    for (std::byte* slot : slots) {
      if (back) slot[at] = sum;
    }
  }
}

void copy_out(const StagedBuffers& buffers, std::uint64_t at, const std::byte* from,
              std::uint64_t bytes) {
  if (buffers.past_caches)
    copy_streaming(buffers.out + at, from, bytes);
  else
    std::memcpy(buffers.out + at, from, bytes);
}

void pause_a_little() {
#if defined(__SSE2__)
  _mm_pause();
#endif
}

}  // namespace

Staged::Staged(std::span<std::byte> windows, int members, int index, bool yielding)
    : windows_(windows.data()), members_(members), index_(index), yielding_(yielding) {
  others_.reserve(static_cast<std::size_t>(members));
}

Staged::Counts& Staged::counts(int member) const noexcept {
  return *reinterpret_cast<Counts*>(windows_ + static_cast<std::size_t>(member) * kWindow);
}

std::uint64_t Staged::most_piece() const noexcept {
  const std::uint64_t slots = kSlots * static_cast<std::uint64_t>(members_);
  const std::uint64_t each = (kWindow - kHead) / slots / kLine * kLine;
  return each < kPieceAtLeast + kLine + kGap ? 0 : each - kLine - kGap;
}

bool Staged::fits_one_shot(std::uint64_t bytes) const noexcept {
  const std::uint64_t slots = (members_ == 2 ? 1 : 2) * static_cast<std::uint64_t>(members_);
  return bytes <= (64 << 10) && slots * (lines_of(bytes) + kLine + kGap) <= kWindow - kHead;
}

// What was payload is not to be taken for a flag.
void Staged::renew() noexcept {
  std::memset(windows_ + static_cast<std::size_t>(index_) * kWindow + kHead, 0, kWindow - kHead);
}

Staged::Slot Staged::slot(int window, std::uint64_t number, std::uint64_t piece) const noexcept {
  std::byte* const at = windows_ + static_cast<std::size_t>(window) * kWindow + kHead +
                        number * (lines_of(piece) + kLine + kGap);
  return {reinterpret_cast<std::atomic<std::uint64_t>*>(at), at + kLine};
}

// Of the owner's share of the elements.
Staged::Part Staged::part(int owner, std::uint64_t turn, std::uint64_t piece,
                          std::uint64_t bytes) const noexcept {
  const std::uint64_t share = lines_of((bytes + static_cast<std::uint64_t>(members_) - 1) /
                                       static_cast<std::uint64_t>(members_));
  const std::uint64_t first = std::min(bytes, share * static_cast<std::uint64_t>(owner));
  const std::uint64_t last = std::min(bytes, first + share);
  const std::uint64_t begin = std::min(last, first + turn * piece);
  return {begin, std::min(piece, last - begin)};
}

void Staged::wait(const std::atomic<std::uint64_t>& counter, std::uint64_t value) const {
  int spins = yielding_ ? 20 : 2000;
  while (counter.load(std::memory_order_acquire) < value) {
    if (--spins < 0) {
      sched_yield();
    } else {
      pause_a_little();
    }
  }
}

void Staged::end(std::uint64_t turns) {
  turns_ += turns;
  counts(index_).put.store(turns_, std::memory_order_release);
  counts(index_).done.store(turns_, std::memory_order_release);
}

void Staged::one_shot(const StagedBuffers& buffers) {
  const auto members = static_cast<std::uint64_t>(members_);
  // Two members need one set: who writes a slot has read it. Beyond, others may still read it.
  const std::uint64_t set = members_ == 2 ? 0 : turns_ % 2 * members;
  const auto slot_of = [&](int member) {
    const std::uint64_t place = (static_cast<std::uint64_t>(member) + turns_) % members;
    // Flag and data in one line, as long as they fit: one line less changes hands.
    Slot found = slot(0, set + place, buffers.bytes);
    found.payload = reinterpret_cast<std::byte*>(found.flag + 1);
    return found;
  };
  const Slot mine = slot_of(index_);
  std::memcpy(mine.payload, buffers.in, buffers.bytes);
  mine.flag->store(turns_ + 1, std::memory_order_release);
  others_.clear();
  for (int member = 0; member < members_; ++member) {
    if (member == index_) continue;
    wait(*slot_of(member).flag, turns_ + 1);
    others_.push_back(slot_of(member).payload);
  }
  sum_all(buffers.in, others_, buffers.out, buffers.bytes, false);
  end(1);
}

void Staged::put(const StagedBuffers& buffers, std::uint64_t turn, std::uint64_t piece) {
  const std::uint64_t number = (turns_ + turn) % kSlots * static_cast<std::uint64_t>(members_) +
                               static_cast<std::uint64_t>(index_);
  for (int owner = 0; owner < members_; ++owner) {
    if (owner == index_) continue;
    const Part p = part(owner, turn, piece, buffers.bytes);
    std::memcpy(slot(owner, number, piece).payload, buffers.in + p.begin, p.bytes);
  }
  counts(index_).put.store(turns_ + turn + 1, std::memory_order_release);
}

void Staged::sum(const StagedBuffers& buffers, std::uint64_t turn, std::uint64_t piece) {
  const std::uint64_t first = (turns_ + turn) % kSlots * static_cast<std::uint64_t>(members_);
  others_.clear();
  for (int member = 0; member < members_; ++member) {
    if (member == index_) continue;
    wait(counts(member).put, turns_ + turn + 1);
    others_.push_back(slot(index_, first + static_cast<std::uint64_t>(member), piece).payload);
  }
  const Part p = part(index_, turn, piece, buffers.bytes);
  sum_all(buffers.in + p.begin, others_, buffers.out + p.begin, p.bytes, true);
  counts(index_).done.store(turns_ + turn + 1, std::memory_order_release);
}

void Staged::take(const StagedBuffers& buffers, std::uint64_t turn, std::uint64_t piece) {
  const std::uint64_t number = (turns_ + turn) % kSlots * static_cast<std::uint64_t>(members_) +
                               static_cast<std::uint64_t>(index_);
  for (int owner = 0; owner < members_; ++owner) {
    if (owner == index_) continue;
    wait(counts(owner).done, turns_ + turn + 1);
    const Part p = part(owner, turn, piece, buffers.bytes);
    copy_out(buffers, p.begin, slot(owner, number, piece).payload, p.bytes);
  }
}

void Staged::two_shot(const StagedBuffers& buffers, std::uint64_t piece) {
  const auto members = static_cast<std::uint64_t>(members_);
  const std::uint64_t share = lines_of((buffers.bytes + members - 1) / members);
  const std::uint64_t turns = (share + piece - 1) / piece;
  for (std::uint64_t turn = 0; turn < turns + 2; ++turn) {
    if (turn < turns) put(buffers, turn, piece);
    if (turn >= 1 && turn - 1 < turns) sum(buffers, turn - 1, piece);
    if (turn >= 2) take(buffers, turn - 2, piece);
  }
  end(turns);
}

void Staged::broadcast(const StagedBuffers& buffers, int root, std::uint64_t piece,
                       bool streaming) {
  const std::uint64_t slots = kSlots * static_cast<std::uint64_t>(members_);
  const std::uint64_t turns = (buffers.bytes + piece - 1) / piece;
  for (std::uint64_t turn = 0; turn < turns; ++turn) {
    const std::uint64_t count = turns_ + turn, at = turn * piece;
    const std::uint64_t bytes = std::min(piece, buffers.bytes - at);
    const Slot s = slot(root, count % slots, piece);
    const bool beside_flag = bytes <= kLine - sizeof(*s.flag);
    auto* const payload = beside_flag ? reinterpret_cast<std::byte*>(s.flag + 1) : s.payload;
    if (index_ != root) {
      wait(*s.flag, count + 1);
      copy_out(buffers, at, payload, bytes);
      counts(index_).done.store(count + 1, std::memory_order_release);
      continue;
    }
    for (int member = 0; member < members_ && count >= slots; ++member) {
      if (member != root) wait(counts(member).done, count + 1 - slots);
    }
    if (streaming && !beside_flag) {
      copy_streaming(payload, buffers.in + at, bytes);
    } else {
      std::memcpy(payload, buffers.in + at, bytes);
    }
    s.flag->store(count + 1, std::memory_order_release);
    if (buffers.out != buffers.in) copy_out(buffers, at, buffers.in + at, bytes);
  }
  end(turns);
}

}  // namespace hfreduce::perf
