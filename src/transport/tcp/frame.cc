#include "transport/tcp/frame.h"

#include "kernels/cpu/crc32c.h"

namespace hfreduce::transport::tcp {
namespace {

constexpr std::uint8_t kBitChecksummed = 1;
constexpr std::uint8_t kBitGoodbye = 2;
constexpr std::size_t kPayloadCrcAt = 36;
constexpr std::size_t kCheckAt = 40;

template <typename T>
void store(std::byte* at, T value) noexcept {
  for (std::size_t i = 0; i < sizeof(T); ++i) at[i] = static_cast<std::byte>(value >> (8 * i));
}

template <typename T>
T load(const std::byte* at) noexcept {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) value |= static_cast<T>(at[i]) << (8 * i);
  return value;
}

bool sensible(const Frame& frame, std::uint8_t target, std::uint8_t bits) noexcept {
  if (target > static_cast<std::uint8_t>(Target::kOutput)) return false;
  if ((bits & ~(kBitChecksummed | kBitGoodbye)) != 0) return false;
  if (frame.message.bytes > kMostPayload) return false;
  if (target == 0 && frame.message.bytes != 0) return false;
  if (!frame.checksummed && frame.payload_crc != 0) return false;
  return !frame.goodbye || frame.message.bytes == 0;
}

}  // namespace

bool Frame::operator==(const Frame& o) const {
  const Message &a = message, &b = o.message;
  return a.flag == b.flag && a.target == b.target && a.value == b.value && a.tag == b.tag &&
         a.offset == b.offset && a.bytes == b.bytes && checksummed == o.checksummed &&
         goodbye == o.goodbye && payload_crc == o.payload_crc;
}

HeaderBytes encode(const Frame& frame) noexcept {
  HeaderBytes bytes;
  const Message& message = frame.message;
  store(&bytes[0], kFrameMagic);
  store(&bytes[1], kFrameVersion);
  store(&bytes[2], static_cast<std::uint8_t>(message.target));
  store(&bytes[3], static_cast<std::uint8_t>((frame.checksummed ? kBitChecksummed : 0) |
                                             (frame.goodbye ? kBitGoodbye : 0)));
  store(&bytes[4], message.flag);
  store(&bytes[8], message.value);
  store(&bytes[16], message.offset);
  store(&bytes[24], message.bytes);
  store(&bytes[28], message.tag.sequence);
  store(&bytes[32], message.tag.fingerprint);
  seal(bytes, frame.payload_crc);
  return bytes;
}

void seal(HeaderBytes& header, std::uint32_t payload_crc) noexcept {
  store(&header[kPayloadCrcAt], payload_crc);
  store(&header[kCheckAt], kernels::crc32c(header.data(), kCheckAt));
}

FrameFault decode(std::span<const std::byte, kHeaderBytes> bytes, Frame* frame) noexcept {
  const bool magic = load<std::uint8_t>(&bytes[0]) == kFrameMagic;
  const bool version = load<std::uint8_t>(&bytes[1]) == kFrameVersion;
  // Who is here has proved to be of this job, and said that it is of this version: a header that is
  // off in one place is damaged; one that is off everywhere is none.
  if (load<std::uint32_t>(&bytes[kCheckAt]) != kernels::crc32c(bytes.data(), kCheckAt)) {
    return magic || version ? FrameFault::kCheck : FrameFault::kMagic;
  }
  if (!magic) return FrameFault::kMagic;
  if (!version) return FrameFault::kVersion;
  const auto target = load<std::uint8_t>(&bytes[2]);
  const auto bits = load<std::uint8_t>(&bytes[3]);
  Frame result;
  result.message.flag = load<std::uint32_t>(&bytes[4]);
  result.message.target = static_cast<Target>(target);
  result.message.value = load<std::uint64_t>(&bytes[8]);
  result.message.offset = load<std::uint64_t>(&bytes[16]);
  result.message.bytes = load<std::uint32_t>(&bytes[24]);
  result.message.tag.sequence = load<std::uint32_t>(&bytes[28]);
  result.message.tag.fingerprint = load<std::uint32_t>(&bytes[32]);
  result.payload_crc = load<std::uint32_t>(&bytes[kPayloadCrcAt]);
  result.checksummed = (bits & kBitChecksummed) != 0;
  result.goodbye = (bits & kBitGoodbye) != 0;
  if (!sensible(result, target, bits)) return FrameFault::kField;
  *frame = result;
  return FrameFault::kNone;
}

}  // namespace hfreduce::transport::tcp
