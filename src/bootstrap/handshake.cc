#include "bootstrap/handshake.h"

#include <algorithm>

#include "bootstrap/wire.h"

namespace hfreduce::bootstrap {
namespace {

constexpr std::uint32_t kHelloMagic = 0x48726668;      // "hfrH"
constexpr std::uint32_t kChallengeMagic = 0x43726668;  // "hfrC"
constexpr std::uint16_t kVersion = 1;

template <std::size_t N>
void copy_to(std::string_view bytes, std::array<std::uint8_t, N>& out) {
  if (bytes.size() == N) std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(out.data()));
}

}  // namespace

std::string encode(const Hello& hello) {
  Writer writer;
  writer.u32(kHelloMagic).u16(kVersion).u8(static_cast<std::uint8_t>(hello.purpose)).u8(0);
  writer.raw(view_of(hello.job)).i32(hello.rank).i32(hello.ranks).i32(hello.target);
  return writer.i32(hello.lane).raw(view_of(hello.nonce)).take();
}

std::optional<Hello> decode_hello(std::string_view bytes) {
  Reader reader(bytes);
  Hello hello;
  const bool known = reader.u32() == kHelloMagic && reader.u16() == kVersion;
  const std::uint8_t purpose = reader.u8();
  const bool no_flags = reader.u8() == 0;
  copy_to(reader.raw(hello.job.size()), hello.job);
  hello.rank = reader.i32();
  hello.ranks = reader.i32();
  hello.target = reader.i32();
  hello.lane = reader.i32();
  copy_to(reader.raw(hello.nonce.size()), hello.nonce);
  if (!known || !no_flags || !reader.done() || purpose < 1 || purpose > 3) return std::nullopt;
  hello.purpose = static_cast<Purpose>(purpose);
  return hello;
}

bool could_be_hello(std::string_view beginning) {
  static const std::string prefix = Writer().u32(kHelloMagic).u16(kVersion).take();
  const std::size_t bytes = std::min(beginning.size(), prefix.size());
  return beginning.substr(0, bytes) == std::string_view(prefix).substr(0, bytes);
}

std::string encode(const Challenge& challenge) {
  return Writer()
      .u32(kChallengeMagic)
      .raw(view_of(challenge.nonce))
      .raw(view_of(challenge.proof))
      .take();
}

std::optional<Challenge> decode_challenge(std::string_view bytes) {
  Reader reader(bytes);
  Challenge challenge;
  const bool known = reader.u32() == kChallengeMagic;
  copy_to(reader.raw(challenge.nonce.size()), challenge.nonce);
  copy_to(reader.raw(challenge.proof.size()), challenge.proof);
  if (!known || !reader.done()) return std::nullopt;
  return challenge;
}

std::string encode(Verdict verdict) {
  return Writer().raw("hfr").u8(static_cast<std::uint8_t>(verdict)).take();
}

std::optional<Verdict> decode_verdict(std::string_view bytes) {
  Reader reader(bytes);
  const bool known = reader.raw(3) == "hfr";
  const std::uint8_t verdict = reader.u8();
  if (!known || !reader.done() || verdict < 1 || verdict > 2) return std::nullopt;
  return static_cast<Verdict>(verdict);
}

Hash listener_proof(const Secret& secret, const Hello& hello, const Hash& listener_nonce) {
  return keyed_hash(secret, "listener", encode(hello).append(view_of(listener_nonce)));
}

Hash joiner_proof(const Secret& secret, const Hello& hello, const Hash& listener_nonce) {
  return keyed_hash(secret, "joiner", encode(hello).append(view_of(listener_nonce)));
}

}  // namespace hfreduce::bootstrap
