// What an authenticated but hostile peer may send on a data connection: any bytes, in any pieces.
#include <algorithm>
#include <array>
#include <cstring>

#include "kernels/cpu/crc32c.h"
#include "target.h"
#include "transport/tcp/frame_reader.h"

namespace {

using namespace hfreduce::transport;

constexpr std::uint64_t kWindow = 4096;

// A window of 4 KiB, and 8 flags. Says no to whatever does not fit, as the executor does.
class Window final : public Inbox {
 public:
  std::byte* place(int, const Message& message) noexcept override {
    const bool fits = message.offset <= kWindow && message.bytes <= kWindow - message.offset;
    return fits ? memory_.data() + message.offset : nullptr;
  }
  bool arrived(int, const Message& message) noexcept override { return message.flag < 8; }

 private:
  std::array<std::byte, kWindow> memory_{};
};

std::uint32_t sum_of(std::string_view bytes) {
  return hfreduce::kernels::crc32c(bytes.data(), bytes.size());
}

std::string frame(std::uint64_t offset, std::string_view payload, bool goodbye = false) {
  tcp::Frame frame;
  frame.message.target = payload.empty() ? Target::kNone : Target::kWindow;
  frame.message.offset = payload.empty() ? 0 : offset;
  frame.message.bytes = static_cast<std::uint32_t>(payload.size());
  frame.message.flag = 3;
  frame.message.value = 7;
  frame.goodbye = goodbye;
  if (goodbye) frame.message = {};
  frame.checksummed = !payload.empty();
  if (frame.checksummed) frame.payload_crc = sum_of(payload);
  const tcp::HeaderBytes header = encode(frame);
  return std::string(reinterpret_cast<const char*>(header.data()), header.size()) +
         std::string(payload);
}

// Gives the header's own sum to whatever was mutated in front of it, else nothing would get past
// it.
void mend_first_header(std::string& bytes) {
  if (bytes.size() < tcp::kHeaderBytes) return;
  const std::uint32_t sum = sum_of(std::string_view(bytes).substr(0, tcp::kHeaderBytes - 4));
  std::memcpy(bytes.data() + tcp::kHeaderBytes - 4, &sum, sizeof sum);
}

}  // namespace

// The first byte says how the rest is cut into pieces, and whether the first header is mended.
void fuzz::run(std::string_view input) {
  if (input.empty()) return;
  const auto how = static_cast<std::uint8_t>(input.front());
  std::string bytes(input.substr(1));
  if ((how & 1) != 0) mend_first_header(bytes);
  Window window;
  tcp::FrameReader reader(1, &window);
  std::size_t at = 0;
  while (at < bytes.size()) {
    iovec parts[2];
    const std::size_t most = std::min<std::size_t>(bytes.size() - at, 1 + (how >> 1) * 37u);
    const int used = reader.targets(parts, most);
    std::size_t given = 0;
    for (int i = 0; i < used; ++i) {
      const std::size_t here = std::min(parts[i].iov_len, most - given);
      std::memcpy(parts[i].iov_base, bytes.data() + at + given, here);
      given += here;
    }
    must(given > 0 && given <= most, "the reader takes what it asked for");
    at += given;
    if (reader.consume(given) != tcp::ReadFault::kNone) return;
  }
}

std::vector<std::string> fuzz::seeds() {
  std::vector<std::string> seeds;
  const std::string large(3000, 'x');
  for (const char how : {'\1', '\2', '\xff'}) {
    seeds.push_back(how + frame(0, ""));
    seeds.push_back(how + frame(8, "payload") + frame(0, "") + frame(100, large) + frame(0, "a"));
    seeds.push_back(how + frame(0, large) + frame(0, "", true));
  }
  return seeds;
}
