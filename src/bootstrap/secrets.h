// Keyed hashes and random bytes (libsodium).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "bootstrap/unique_id.h"

namespace hfreduce::bootstrap {

using Hash = std::array<std::uint8_t, 32>;

// BLAKE2b of `label`, a zero byte and `data` under `secret`. Labels keep uses of one secret apart.
Hash keyed_hash(const Secret& secret, std::string_view label, std::string_view data);
// The same without a key.
Hash plain_hash(std::string_view label, std::string_view data);
// In constant time.
bool equal(const Hash& a, const Hash& b);
void fill_random(std::uint8_t* bytes, std::size_t count);
std::string to_hex(std::string_view bytes);
// kInvalidArgument for anything but pairs of hexadecimal digits.
Result<std::string> from_hex(std::string_view text);

template <std::size_t N>
std::array<std::uint8_t, N> random_array() {
  std::array<std::uint8_t, N> bytes;
  fill_random(bytes.data(), N);
  return bytes;
}

template <std::size_t N>
std::string_view view_of(const std::array<std::uint8_t, N>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), N};
}

}  // namespace hfreduce::bootstrap
