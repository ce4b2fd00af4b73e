// What stands in front of each message on a TCP connection: 44 bytes, little-endian, with a check
// of their own. Pure functions: nothing here knows of sockets.
//
//   0  u8   magic 0xf7        1  u8   version          2  u8   target        3  u8   bits
//   4  u32  flag              8  u64  value            16 u64  offset        24 u32  bytes of
//   payload 28 u32  tag.sequence      32 u32  tag.fingerprint  36 u32  CRC32C of the payload (0 if
//   not checksummed) 40 u32  CRC32C of bytes 0 to 39
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "transport/link.h"

namespace hfreduce::transport::tcp {

inline constexpr std::size_t kHeaderBytes = 44;
inline constexpr std::uint8_t kFrameMagic = 0xf7;
inline constexpr std::uint8_t kFrameVersion = 1;
// Far above any segment: what is longer is nonsense, whatever the inbox would say to it.
inline constexpr std::uint32_t kMostPayload = 1u << 30;

using HeaderBytes = std::array<std::byte, kHeaderBytes>;

struct Frame {
  Message message;
  bool checksummed = false;  // payload_crc counts
  bool goodbye = false;      // the last frame of a peer that leaves in good order; no message
  std::uint32_t payload_crc = 0;
  bool operator==(const Frame&) const;
};

enum class FrameFault : std::uint8_t {
  kNone,
  kMagic,    // not ours at all
  kVersion,  // another version of hfreduce
  kCheck,    // damaged on the way
  kField,    // undamaged nonsense: an unknown target or bit, a payload without a target or too long
};

HeaderBytes encode(const Frame& frame) noexcept;
// Fills *frame only when there is no fault.
FrameFault decode(std::span<const std::byte, kHeaderBytes> bytes, Frame* frame) noexcept;

// For the sender, which knows the payload's sum only when it sends: puts it into an encoded header.
void seal(HeaderBytes& header, std::uint32_t payload_crc) noexcept;

}  // namespace hfreduce::transport::tcp
