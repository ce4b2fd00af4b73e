#include "transport/tcp/send_queue.h"

#include <algorithm>

#include "kernels/cpu/crc32c.h"

namespace hfreduce::transport::tcp {

SendQueue::SendQueue(std::size_t capacity, bool checksum) : slots_(capacity), checksum_(checksum) {}

bool SendQueue::push(const Message& message, const std::byte* payload) noexcept {
  if (full()) return false;
  const Frame frame{.message = message, .checksummed = checksum_};
  slot(posted_++) = {encode(frame), message.bytes, payload};
  return true;
}

bool SendQueue::push_goodbye() noexcept {
  if (full()) return false;
  slot(posted_++) = {encode(Frame{.message = {}, .goodbye = true}), 0, nullptr};
  return true;
}

int SendQueue::gather(std::span<iovec> parts, std::size_t most) noexcept {
  std::size_t used = 0;
  std::size_t skip = head_sent_;
  const auto add = [&](const std::byte* from, std::size_t bytes) {
    const std::size_t skipped = std::min(skip, bytes);
    skip -= skipped;
    const std::size_t length = std::min(bytes - skipped, most);
    if (length == 0) return;
    parts[used++] = {const_cast<std::byte*>(from) + skipped, length};
    most -= length;
  };
  for (std::uint64_t number = completed_; number != posted_; ++number) {
    if (most == 0 || used + 2 > parts.size()) break;
    Slot& next = slot(number);
    if (number >= sealed_) {
      if (checksum_ && next.bytes != 0) {
        seal(next.header, kernels::crc32c(next.payload, next.bytes));
      }
      sealed_ = number + 1;
    }
    add(next.header.data(), kHeaderBytes);
    add(next.payload, next.bytes);
  }
  return static_cast<int>(used);
}

void SendQueue::sent(std::size_t bytes) noexcept {
  bytes += head_sent_;
  while (completed_ != posted_) {
    const std::size_t whole = kHeaderBytes + slot(completed_).bytes;
    if (bytes < whole) break;
    bytes -= whole;
    ++completed_;
  }
  head_sent_ = bytes;
}

void SendQueue::discard() noexcept {
  completed_ = posted_;
  sealed_ = posted_;
  head_sent_ = 0;
}

}  // namespace hfreduce::transport::tcp
