#include "bootstrap/frame.h"

#include <fmt/core.h>

#include "bootstrap/wire.h"

namespace hfreduce::bootstrap {

std::string encode(const Frame& frame) {
  return Writer()
      .u32(static_cast<std::uint32_t>(frame.payload.size()))
      .u8(static_cast<std::uint8_t>(frame.type))
      .raw(std::string_view("\0\0\0", 3))
      .raw(frame.payload)
      .take();
}

Result<std::optional<Frame>> FrameSplitter::next() {
  const std::string_view rest = std::string_view(pending_).substr(taken_);
  if (rest.size() >= kFrameHeaderBytes) {
    Reader header(rest.substr(0, kFrameHeaderBytes));
    const std::uint32_t bytes = header.u32();
    const std::uint8_t type = header.u8();
    const bool zeros = header.u8() == 0 && header.u16() == 0;
    if (bytes > kMostPayload || type < 1 || type > 11 || !zeros) {
      return Status(Code::kProtocolError,
                    fmt::format("sent a control frame of type {} and {} bytes (types go to 11, "
                                "sizes to {}): another version of hfreduce?",
                                type, bytes, kMostPayload));
    }
    if (rest.size() >= kFrameHeaderBytes + bytes) {
      taken_ += kFrameHeaderBytes + bytes;
      return std::optional(
          Frame{static_cast<FrameType>(type), std::string(rest.substr(kFrameHeaderBytes, bytes))});
    }
  }
  pending_.erase(0, taken_);
  taken_ = 0;
  return std::optional<Frame>();
}

}  // namespace hfreduce::bootstrap
