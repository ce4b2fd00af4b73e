#include "bootstrap/messages.h"

#include "bootstrap/wire.h"

namespace hfreduce::bootstrap {
namespace {

constexpr std::size_t kPackedAddress = 19;
constexpr std::size_t kMostText = 1000;
constexpr std::size_t kMostPhase = 60;
constexpr std::size_t kMostDeparted = 4000;  // so that a frame always holds them

}  // namespace

std::string encode(const CheckIn& message) {
  return Writer()
      .raw(message.address.pack())
      .i32(message.pid)
      .i32(message.wait_ms)
      .text(message.host, kMostHostName)
      .take();
}

std::optional<CheckIn> decode_check_in(std::string_view bytes) {
  Reader reader(bytes);
  CheckIn message;
  auto address = Address::unpack(reader.raw(kPackedAddress));
  message.pid = reader.i32();
  message.wait_ms = reader.i32();
  message.host = reader.text(kMostHostName);
  if (!address.ok() || !reader.done() || message.wait_ms < 0) return std::nullopt;
  message.address = *address;
  return message;
}

std::string encode(const std::optional<Address>& parent) { return parent ? parent->pack() : ""; }

std::optional<std::optional<Address>> decode_parent(std::string_view bytes) {
  if (bytes.empty()) return std::optional<Address>();
  auto address = Address::unpack(bytes);
  if (!address.ok()) return std::nullopt;
  return std::optional(*address);
}

std::string encode(const Status& failure) {
  const Status::Detail& detail = failure.detail();
  return Writer()
      .i32(static_cast<std::int32_t>(detail.code))
      .i32(detail.rank)
      .u64(detail.sequence)
      .text(detail.host, kMostHostName)
      .text(detail.phase, kMostPhase)
      .text(detail.text, kMostText)
      .take();
}

std::optional<Status> decode_failure(std::string_view bytes) {
  Reader reader(bytes);
  Status::Detail detail;
  const std::int32_t code = reader.i32();
  detail.rank = reader.i32();
  detail.sequence = reader.u64();
  detail.host = reader.text(kMostHostName);
  detail.phase = reader.text(kMostPhase);
  detail.text = reader.text(kMostText);
  detail.code = static_cast<Code>(code);
  const bool known = std::string_view(code_name(detail.code)) != "unknown";
  if (!reader.done() || !known || detail.code == Code::kOk || detail.rank < -1) return std::nullopt;
  return Status(std::move(detail));
}

std::string encode(const Entries& message) {
  Writer writer;
  writer.u32(message.round).u16(static_cast<std::uint16_t>(message.entries.size()));
  for (const auto& entry : message.entries) {
    writer.i32(entry.rank).text(entry.bytes, kMostEntry);
  }
  return writer.take();
}

std::optional<Entries> decode_entries(std::string_view bytes) {
  Reader reader(bytes);
  Entries message;
  message.round = reader.u32();
  const std::size_t count = reader.u16();
  for (std::size_t i = 0; i < count && reader.ok(); ++i) {
    const std::int32_t rank = reader.i32();
    message.entries.push_back({rank, reader.text(kMostEntry)});
  }
  if (!reader.done()) return std::nullopt;
  return message;
}

std::string encode(const Departed& message) {
  Writer writer;
  const std::size_t count = std::min(message.size(), kMostDeparted);
  writer.u16(static_cast<std::uint16_t>(count));
  auto entry = message.begin();
  for (std::size_t i = 0; i < count; ++i, ++entry) writer.i32(entry->first).u64(entry->second);
  return writer.take();
}

std::optional<Departed> decode_departed(std::string_view bytes, std::int32_t ranks) {
  Reader reader(bytes);
  Departed message;
  const std::size_t count = reader.u16();
  for (std::size_t i = 0; i < count && reader.ok(); ++i) {
    const std::int32_t rank = reader.i32();
    if (rank < 0 || rank >= ranks) return std::nullopt;
    message[rank] = reader.u64();
  }
  if (!reader.done()) return std::nullopt;
  return message;
}

std::string encode(const Introduction& message) {
  return Writer()
      .raw(message.address.pack())
      .i32(message.pid)
      .u64(message.window_bytes)
      .text(message.host, kMostHostName)
      .text(message.host_hint, kMostHostName)
      .text(message.greeting, kMostEntry / 2)
      .take();
}

std::optional<Introduction> decode_introduction(std::string_view bytes) {
  Reader reader(bytes);
  Introduction message;
  auto address = Address::unpack(reader.raw(kPackedAddress));
  message.pid = reader.i32();
  message.window_bytes = reader.u64();
  message.host = reader.text(kMostHostName);
  message.host_hint = reader.text(kMostHostName);
  message.greeting = reader.text(kMostEntry / 2);
  if (!address.ok() || !reader.done()) return std::nullopt;
  message.address = *address;
  return message;
}

}  // namespace hfreduce::bootstrap
