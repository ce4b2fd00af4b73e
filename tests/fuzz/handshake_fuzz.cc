// The only bytes that are parsed before a visitor has proved anything.
#include "bootstrap/handshake.h"
#include "check.h"

using namespace hfreduce::bootstrap;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto hello = decode_hello(bytes)) {
    FUZZ_CHECK(size == kHelloBytes);
    FUZZ_CHECK(encode(*hello) == bytes);  // nothing is read in two ways
    for (std::size_t part = 0; part <= size; ++part) {
      FUZZ_CHECK(could_be_hello(bytes.substr(0, part)));
    }
  }
  if (const auto challenge = decode_challenge(bytes)) {
    FUZZ_CHECK(size == kChallengeBytes);
    FUZZ_CHECK(encode(*challenge) == bytes);
  }
  if (const auto verdict = decode_verdict(bytes)) FUZZ_CHECK(encode(*verdict) == bytes);
  return 0;
}
