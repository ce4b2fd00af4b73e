// Bytes on the wire: little-endian integers, texts with their length in front.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace hfreduce::bootstrap {

class Writer {
 public:
  Writer& u8(std::uint8_t value) { return integer(value, 1); }
  Writer& u16(std::uint16_t value) { return integer(value, 2); }
  Writer& u32(std::uint32_t value) { return integer(value, 4); }
  Writer& u64(std::uint64_t value) { return integer(value, 8); }
  Writer& i32(std::int32_t value) { return u32(static_cast<std::uint32_t>(value)); }
  Writer& raw(std::string_view bytes) {
    bytes_ += bytes;
    return *this;
  }
  // Cut off after `most` bytes.
  Writer& text(std::string_view bytes, std::size_t most = 0xffff) {
    const std::string_view kept = bytes.substr(0, most);
    return u16(static_cast<std::uint16_t>(kept.size())).raw(kept);
  }
  std::string take() { return std::move(bytes_); }

 private:
  Writer& integer(std::uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) bytes_ += static_cast<char>(value >> (8 * i));
    return *this;
  }
  std::string bytes_;
};

// Reading past the end, or a text longer than allowed, gives zeros and empty texts from then on and
// makes ok() false: callers read everything, then ask once.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  std::uint8_t u8() { return static_cast<std::uint8_t>(integer(1)); }
  std::uint16_t u16() { return static_cast<std::uint16_t>(integer(2)); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(integer(4)); }
  std::uint64_t u64() { return integer(8); }
  std::int32_t i32() { return static_cast<std::int32_t>(u32()); }
  std::string_view raw(std::size_t bytes) {
    if (bytes > rest_.size()) {
      ok_ = false;
      rest_ = {};
      return {};
    }
    const std::string_view front = rest_.substr(0, bytes);
    rest_.remove_prefix(bytes);
    return front;
  }
  std::string text(std::size_t most) {
    const std::size_t bytes = u16();
    if (bytes > most) {
      ok_ = false;
      rest_ = {};
    }
    return std::string(raw(ok_ ? bytes : 0));
  }
  std::size_t left() const { return rest_.size(); }
  bool ok() const { return ok_; }
  bool done() const { return ok_ && rest_.empty(); }

 private:
  std::uint64_t integer(int bytes) {
    std::uint64_t value = 0;
    const std::string_view taken = raw(static_cast<std::size_t>(bytes));
    for (std::size_t i = 0; i < taken.size(); ++i) {
      value |= std::uint64_t{static_cast<std::uint8_t>(taken[i])} << (8 * i);
    }
    return value;
  }
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace hfreduce::bootstrap
