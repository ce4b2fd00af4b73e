#include "bootstrap/secrets.h"

#include <sodium.h>

#include <charconv>
#include <cstdlib>

namespace hfreduce::bootstrap {
namespace {

void initialise() {
  // Fails only where the system has no source of randomness at all; nothing could be secret then.
  static const int result = sodium_init();
  if (result < 0) std::abort();
}

Hash hash(std::string_view label, std::string_view data, const Secret* key) {
  initialise();
  crypto_generichash_state state;
  Hash result;
  const auto bytes_of = [](std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
  };
  crypto_generichash_init(&state, key ? key->data() : nullptr, key ? key->size() : 0,
                          result.size());
  crypto_generichash_update(&state, bytes_of(label), label.size());
  const unsigned char end = 0;
  crypto_generichash_update(&state, &end, 1);
  crypto_generichash_update(&state, bytes_of(data), data.size());
  crypto_generichash_final(&state, result.data(), result.size());
  return result;
}

}  // namespace

Hash keyed_hash(const Secret& secret, std::string_view label, std::string_view data) {
  return hash(label, data, &secret);
}

Hash plain_hash(std::string_view label, std::string_view data) {
  return hash(label, data, nullptr);
}

bool equal(const Hash& a, const Hash& b) {
  return sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

void fill_random(std::uint8_t* bytes, std::size_t count) {
  initialise();
  randombytes_buf(bytes, count);
}

std::string to_hex(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const char byte : bytes) {
    text += kDigits[static_cast<std::uint8_t>(byte) >> 4];
    text += kDigits[static_cast<std::uint8_t>(byte) & 15];
  }
  return text;
}

Result<std::string> from_hex(std::string_view text) {
  std::string bytes(text.size() / 2, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    unsigned value = 0;
    const char* const first = text.data() + 2 * i;
    const auto [end, error] = std::from_chars(first, first + 2, value, 16);
    if (error != std::errc() || end != first + 2) {
      return Status(Code::kInvalidArgument, "this is not a hexadecimal text");
    }
    bytes[i] = static_cast<char>(value);
  }
  if (text.size() % 2 != 0) return Status(Code::kInvalidArgument, "half a byte at the end");
  return bytes;
}

}  // namespace hfreduce::bootstrap
