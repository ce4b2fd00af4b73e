// The messages of one connection that wait to be sent: a ring of headers, with pointers to the
// payloads.
#pragma once

#include <sys/uio.h>

#include <span>
#include <vector>

#include "transport/tcp/frame.h"

namespace hfreduce::transport::tcp {

class SendQueue {
 public:
  // `capacity`: messages, a power of two.
  SendQueue(std::size_t capacity, bool checksum);

  // False: full.
  bool push(const Message& message, const std::byte* payload) noexcept;
  bool push_goodbye() noexcept;
  // What to send next, at most `most` bytes of it; returns how many parts are used. Sums the
  // payloads that it comes to for the first time, so that they are in the cache when the kernel
  // copies them.
  int gather(std::span<iovec> parts, std::size_t most) noexcept;
  // `bytes` bytes of what gather() said were sent.
  void sent(std::size_t bytes) noexcept;
  // Forgets everything that waits.
  void discard() noexcept;

  bool empty() const noexcept { return completed_ == posted_; }
  std::uint64_t posted() const noexcept { return posted_; }
  std::uint64_t completed() const noexcept { return completed_; }  // left their source

 private:
  struct Slot {
    HeaderBytes header;
    std::uint32_t bytes;
    const std::byte* payload;
  };

  Slot& slot(std::uint64_t number) noexcept { return slots_[number & (slots_.size() - 1)]; }
  bool full() const noexcept { return posted_ - completed_ == slots_.size(); }

  std::vector<Slot> slots_;
  bool checksum_;
  std::uint64_t posted_ = 0;
  std::uint64_t completed_ = 0;
  std::uint64_t sealed_ = 0;   // messages whose header is final
  std::size_t head_sent_ = 0;  // bytes of the oldest message, header included
};

}  // namespace hfreduce::transport::tcp
