// Everything that bootstrap parses: what strangers may send before they have proved anything, and
// what an authenticated but hostile rank may send after.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "bootstrap/frame.h"
#include "bootstrap/handshake.h"
#include "bootstrap/messages.h"
#include "bootstrap/report.h"
#include "bootstrap/unique_id.h"

namespace {

using namespace hfreduce;             // NOLINT: a program of one file
using namespace hfreduce::bootstrap;  // NOLINT

constexpr std::int32_t kRanks = 100;

// A property of what was parsed that does not hold.
void must(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

// What was understood is written, and understood again as the same.
template <typename Decode>
void twice(std::string_view bytes, Decode decode) {
  const auto first = decode(bytes);
  if (!first.has_value()) return;
  const std::string written = encode(*first);
  const auto second = decode(written);
  must(second.has_value(), "what was written is understood");
  must(encode(*second) == written, "and means the same");
}

void read_report(std::string_view bytes) {
  Reader reader(bytes);
  const auto report = Report::read(reader, kRanks);
  if (!report.has_value()) return;
  (void)judge(*report, 7, kRanks, [](std::int32_t rank) { return std::to_string(rank); });
  Report merged;
  merged.add(*report);
  merged.add(*report);
  Writer writer;
  merged.write(writer);
  const std::string written = writer.take();
  Reader again(written);
  must(Report::read(again, kRanks).has_value(), "a merged report is understood");
}

void read_payload(const Frame& frame) {
  switch (frame.type) {
    case FrameType::kCheckIn:
      return twice(frame.payload, decode_check_in);
    case FrameType::kParent:
      return twice(frame.payload, decode_parent);
    case FrameType::kEntries:
      return twice(frame.payload, decode_entries);
    case FrameType::kFailure:
      return twice(frame.payload, decode_failure);
    case FrameType::kLeave:
      return twice(frame.payload, [](auto bytes) { return decode_departed(bytes, kRanks); });
    case FrameType::kReport:
      return read_report(frame.payload);
    default:
      return;
  }
}

void read_frames(std::string_view bytes, std::size_t piece) {
  FrameSplitter splitter;
  while (!bytes.empty()) {
    splitter.feed(bytes.substr(0, piece));
    bytes.remove_prefix(std::min(piece, bytes.size()));
    while (true) {
      auto frame = splitter.next();
      if (!frame.ok()) return;
      if (!frame->has_value()) break;
      read_payload(**frame);
    }
  }
}

void read_id(std::string_view bytes) {
  std::array<char, UniqueId::kBytes> packed{};
  std::copy_n(bytes.begin(), std::min(bytes.size(), packed.size()), packed.begin());
  const auto id = UniqueId::unpack(packed);
  if (!id.ok()) return;
  must(UniqueId::unpack(id.value().pack()).ok(), "an id that was read can be handed on");
}

void parse(std::string_view input) {
  if (input.empty()) return;
  const auto which = static_cast<std::uint8_t>(input.front());
  const std::string_view bytes = input.substr(1);
  switch (which % 8) {
    case 0:
      (void)could_be_hello(bytes);
      return twice(bytes, decode_hello);
    case 1:
      return twice(bytes, decode_challenge);
    case 2:
      return twice(bytes, decode_verdict);
    case 3:
      return read_id(bytes);
    case 4:
      return twice(bytes, decode_introduction);
    default:
      return read_frames(bytes, 1 + which / 8u * 11u);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  parse({reinterpret_cast<const char*>(data), size});
  return 0;
}
