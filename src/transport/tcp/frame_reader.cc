#include "transport/tcp/frame_reader.h"

#include <algorithm>
#include <cstring>

#include "kernels/cpu/crc32c.h"

namespace hfreduce::transport::tcp {
namespace {

ReadFault from(FrameFault fault) noexcept {
  switch (fault) {
    case FrameFault::kNone:
      return ReadFault::kNone;
    case FrameFault::kMagic:
      return ReadFault::kMagic;
    case FrameFault::kVersion:
      return ReadFault::kVersion;
    case FrameFault::kCheck:
      return ReadFault::kCheck;
    case FrameFault::kField:
      break;
  }
  return ReadFault::kField;
}

}  // namespace

FrameReader::FrameReader(int peer, Inbox* inbox)
    : peer_(peer), inbox_(inbox), buffer_(std::make_unique<std::byte[]>(kBufferBytes)) {}

// After a large payload only the next header is read along: what else came would be a payload
// again, and going through the buffer would cost it a second copy.
std::size_t FrameReader::read_ahead() const noexcept {
  const bool expect_small = frame_.message.bytes <= kSmall;
  return (expect_small ? kBufferBytes : kHeaderBytes) - buffered_;
}

int FrameReader::targets(iovec (&parts)[2], std::size_t most) noexcept {
  if (!in_payload_) {
    parts[0] = {buffer_.get() + buffered_, std::min(read_ahead(), most)};
    return 1;
  }
  const std::size_t rest = frame_.message.bytes - received_;
  parts[0] = {place_ + received_, std::min(rest, most)};
  if (rest >= most) return 1;
  parts[1] = {buffer_.get(), std::min(read_ahead(), most - rest)};
  return 2;
}

ReadFault FrameReader::consume(std::size_t bytes) noexcept {
  if (in_payload_) {
    const std::size_t here = std::min(bytes, std::size_t{frame_.message.bytes} - received_);
    if (const ReadFault fault = advance(here); fault != ReadFault::kNone) return fault;
    bytes -= here;
  }
  buffered_ += bytes;
  return parse();
}

ReadFault FrameReader::parse() noexcept {
  std::size_t at = 0;
  while (at < buffered_) {
    std::size_t used = 0;
    ReadFault fault = ReadFault::kNone;
    if (in_payload_) {
      used = std::min(buffered_ - at, std::size_t{frame_.message.bytes} - received_);
      std::memcpy(place_ + received_, buffer_.get() + at, used);
      fault = advance(used);
    } else if (frame_.goodbye) {
      fault = ReadFault::kAfterGoodbye;
    } else if (buffered_ - at < kHeaderBytes) {
      break;
    } else {
      Frame frame;
      used = kHeaderBytes;
      const std::span<const std::byte, kHeaderBytes> header(buffer_.get() + at, kHeaderBytes);
      fault = from(decode(header, &frame));
      if (fault == ReadFault::kNone) fault = begin(frame);
    }
    if (fault != ReadFault::kNone) return fault;
    at += used;
  }
  buffered_ -= at;
  if (at != 0) std::memmove(buffer_.get(), buffer_.get() + at, buffered_);
  return ReadFault::kNone;
}

ReadFault FrameReader::begin(const Frame& frame) noexcept {
  frame_ = frame;
  received_ = 0;
  crc_ = 0;
  if (frame.goodbye) return ReadFault::kNone;
  if (frame.message.bytes == 0) return advance(0);
  place_ = inbox_->place(peer_, frame.message);
  if (place_ == nullptr) return ReadFault::kPlace;
  in_payload_ = true;
  return ReadFault::kNone;
}

// The next `bytes` bytes of the payload are in their place.
ReadFault FrameReader::advance(std::size_t bytes) noexcept {
  // Summed piece by piece, while each is still in the cache.
  if (frame_.checksummed && bytes != 0) crc_ = kernels::crc32c(place_ + received_, bytes, crc_);
  received_ += bytes;
  if (received_ < frame_.message.bytes) return ReadFault::kNone;
  in_payload_ = false;
  if (frame_.checksummed && crc_ != frame_.payload_crc) return ReadFault::kPayload;
  return inbox_->arrived(peer_, frame_.message) ? ReadFault::kNone : ReadFault::kFlag;
}

}  // namespace hfreduce::transport::tcp
