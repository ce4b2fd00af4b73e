// The bytes of a TCP connection, as the peer would have them. Input: one byte of options, one of
// how the rest is cut into reads, then the stream.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "kernels/cpu/crc32c.h"
#include "transport/tcp/frame_reader.h"

namespace {

using namespace hfreduce::transport;       // NOLINT: a program of one file
using namespace hfreduce::transport::tcp;  // NOLINT

void require(bool condition) {
  if (!condition) std::abort();
}

// A window of exactly kBytes on the heap, so that a sanitizer sees any byte outside of it.
class Checked final : public Inbox {
 public:
  static constexpr std::size_t kBytes = 3000;

  std::byte* place(int, const Message& message) noexcept override {
    require(message.bytes > 0 && message.bytes <= kMostPayload);
    require(message.target == Target::kWindow || message.target == Target::kOutput);
    if (message.offset > kBytes || message.bytes > kBytes - message.offset) return nullptr;
    return window.get() + message.offset;
  }
  bool arrived(int, const Message& message) noexcept override {
    flags.push_back(message.flag);
    return message.flag < 1000;
  }

  std::unique_ptr<std::byte[]> window = std::make_unique<std::byte[]>(kBytes);
  std::vector<std::uint32_t> flags;
};

// Makes the checks of the headers right, so that what lies behind them is reached.
void repair(std::vector<std::byte>& stream) {
  for (std::size_t at = 0; at + kHeaderBytes <= stream.size();) {
    std::byte* header = stream.data() + at;
    header[0] = static_cast<std::byte>(kFrameMagic);
    header[1] = static_cast<std::byte>(kFrameVersion);
    std::uint32_t check = hfreduce::kernels::crc32c(header, kHeaderBytes - 4);
    for (int i = 0; i < 4; ++i, check >>= 8)
      header[kHeaderBytes - 4 + i] = static_cast<std::byte>(check);
    Frame frame;
    if (decode(std::span<const std::byte, kHeaderBytes>(header, kHeaderBytes), &frame) !=
        FrameFault::kNone)
      return;
    require(encode(frame) == *reinterpret_cast<HeaderBytes*>(header));
    at += kHeaderBytes + frame.message.bytes;
  }
}

// Feeds the stream in reads of at most `most` bytes; returns the fault that ended it.
ReadFault feed(const std::vector<std::byte>& stream, std::size_t most, Checked& inbox) {
  FrameReader reader(0, &inbox);
  std::size_t at = 0;
  while (at < stream.size()) {
    iovec parts[2];
    const int count = reader.targets(parts, most);
    std::size_t given = 0;
    for (int i = 0; i < count && at < stream.size(); ++i) {
      require(parts[i].iov_len > 0 && given + parts[i].iov_len <= most);
      const std::size_t bytes = std::min(parts[i].iov_len, stream.size() - at);
      std::memcpy(parts[i].iov_base, stream.data() + at, bytes);
      at += bytes;
      given += bytes;
    }
    if (const ReadFault fault = reader.consume(given); fault != ReadFault::kNone) return fault;
  }
  return ReadFault::kNone;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const bool repaired = (data[0] & 1) != 0;
  const std::size_t most = std::size_t{data[1]} * data[1] + 1;
  std::vector<std::byte> stream(size - 2);
  if (!stream.empty()) std::memcpy(stream.data(), data + 2, size - 2);
  if (repaired) repair(stream);
  // However the stream is cut into reads, the same must come of it.
  Checked whole, cut;
  const ReadFault fault = feed(stream, 1 << 20, whole);
  require(feed(stream, most, cut) == fault);
  require(whole.flags == cut.flags);
  require(std::memcmp(whole.window.get(), cut.window.get(), Checked::kBytes) == 0 ||
          fault != ReadFault::kNone);
  return 0;
}
