// Turns the bytes of one connection into messages in an inbox. Knows no socket: it says where the
// next bytes should go and is told how many came, so that a large payload is received right where
// it belongs and many small messages are parsed from one read.
#pragma once

#include <sys/uio.h>

#include <memory>

#include "transport/tcp/frame.h"

namespace hfreduce::transport::tcp {

enum class ReadFault : std::uint8_t {
  kNone,
  kMagic,
  kVersion,
  kCheck,         // the header is damaged
  kField,         // the header is nonsense
  kPlace,         // the inbox knows no such place
  kFlag,          // the inbox knows no such flag
  kPayload,       // the payload is damaged
  kAfterGoodbye,  // bytes after the last frame
};

class FrameReader {
 public:
  FrameReader(int peer, Inbox* inbox);

  // Where the next bytes go, `most` (at least one) of them or fewer; returns how many of the two
  // are used.
  int targets(iovec (&parts)[2], std::size_t most) noexcept;
  // `bytes` bytes were put there. After a fault the reader is of no more use.
  ReadFault consume(std::size_t bytes) noexcept;

  // Nothing of a message has come yet that did not come whole.
  bool between_messages() const noexcept { return !in_payload_ && buffered_ == 0; }
  bool goodbye() const noexcept { return frame_.goodbye; }
  // The message under way, or the last one: for texts.
  const Message& message() const noexcept { return frame_.message; }
  std::size_t payload_received() const noexcept { return received_; }

 private:
  static constexpr std::size_t kBufferBytes = 16 << 10;
  // A payload up to this size lets the reader expect more such messages, and read ahead of them.
  static constexpr std::size_t kSmall = 4 << 10;

  ReadFault parse() noexcept;
  ReadFault begin(const Frame& frame) noexcept;
  ReadFault advance(std::size_t bytes) noexcept;
  std::size_t read_ahead() const noexcept;

  int peer_;
  Inbox* inbox_;
  std::unique_ptr<std::byte[]> buffer_;
  std::size_t buffered_ = 0;  // bytes at the start of buffer_: of a header, once consume() is done
  Frame frame_;
  bool in_payload_ = false;
  std::byte* place_ = nullptr;
  std::size_t received_ = 0;  // of the payload
  std::uint32_t crc_ = 0;     // of what was received
};

}  // namespace hfreduce::transport::tcp
