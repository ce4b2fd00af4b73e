// Streams of control frames, and the payload of each type. The stream must come out the same
// however it is cut into pieces.
#include <vector>

#include "bootstrap/frame.h"
#include "bootstrap/messages.h"
#include "bootstrap/report.h"
#include "check.h"

using namespace hfreduce::bootstrap;

namespace {

constexpr std::int32_t kRanks = 1000;

void decode_payload(const Frame& frame) {
  const std::string& bytes = frame.payload;
  if (const auto card = decode_check_in(bytes)) FUZZ_CHECK(encode(*card) == bytes);
  if (const auto parent = decode_parent(bytes)) FUZZ_CHECK(encode(*parent) == bytes);
  if (const auto entries = decode_entries(bytes)) FUZZ_CHECK(encode(*entries) == bytes);
  if (const auto failure = decode_failure(bytes)) FUZZ_CHECK(encode(*failure) == bytes);
  if (const auto departed = decode_departed(bytes, kRanks)) {
    FUZZ_CHECK(departed->size() <= kRanks);
    FUZZ_CHECK(decode_departed(encode(*departed), kRanks) == departed);
  }
  if (const auto introduction = decode_introduction(bytes)) {
    FUZZ_CHECK(introduction->greeting.size() <= kMostEntry);
  }
  Reader reader(bytes);
  if (const auto report = Report::read(reader, kRanks)) {
    Writer writer;
    report->write(writer);
    FUZZ_CHECK(writer.take().size() <= kMostPayload);
    judge(*report, 1, kRanks, [](std::int32_t rank) { return std::to_string(rank); });
  }
}

struct Stream {
  std::vector<Frame> frames;
  bool broken = false;
};

Stream split(std::string_view bytes, std::size_t piece) {
  FrameSplitter splitter;
  Stream stream;
  while (!bytes.empty() && !stream.broken) {
    splitter.feed(bytes.substr(0, piece));
    bytes.remove_prefix(std::min(piece, bytes.size()));
    for (;;) {
      auto frame = splitter.next();
      stream.broken = !frame.ok();
      if (!frame.ok() || !*frame) break;
      FUZZ_CHECK((*frame)->payload.size() <= kMostPayload);
      stream.frames.push_back(std::move(**frame));
    }
  }
  return stream;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const Stream whole = split(bytes, size + 1), pieces = split(bytes, 1 + size % 7);
  FUZZ_CHECK(whole.broken == pieces.broken);
  FUZZ_CHECK(whole.frames.size() == pieces.frames.size());
  std::string again;
  for (std::size_t i = 0; i < whole.frames.size(); ++i) {
    FUZZ_CHECK(whole.frames[i].payload == pieces.frames[i].payload);
    again += encode(whole.frames[i]);
    decode_payload(whole.frames[i]);
  }
  FUZZ_CHECK(bytes.substr(0, again.size()) == again);
  decode_payload(Frame{FrameType::kEntries, std::string(bytes.substr(0, kMostPayload))});
  return 0;
}
