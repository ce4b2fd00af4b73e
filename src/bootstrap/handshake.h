// How two processes make sure that they belong to the same job, before anything else is read.
//
//     joiner                                listener
//        │  hello: purpose, job, rank, nonce    │  72 bytes, parsed, nothing allocated
//        │ ───────────────────────────────────► │
//        │  challenge: nonce, listener's proof  │  68 bytes; an unknown job is hung up on instead
//        │ ◄─────────────────────────────────── │
//        │  joiner's proof                      │  32 bytes
//        │ ───────────────────────────────────► │
//        │  verdict                             │  4 bytes
//        │ ◄─────────────────────────────────── │
//
// A proof is a hash, keyed with the job's secret, of the whole hello and both nonces, under a label
// that differs between the two sides. Functions only: sockets are elsewhere.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "bootstrap/secrets.h"
#include "bootstrap/unique_id.h"

namespace hfreduce::bootstrap {

enum class Purpose : std::uint8_t {
  kCheckIn = 1,  // a rank reports to the job's rendezvous
  kTree = 2,     // an edge of the control tree, from a rank to its parent
  kData = 3,     // a data socket
};

struct Hello {
  Purpose purpose = Purpose::kCheckIn;
  JobId job{};
  std::int32_t rank = 0;     // who connects
  std::int32_t ranks = 0;    // of how many
  std::int32_t target = -1;  // which rank is meant; -1: the rendezvous
  std::int32_t lane = 0;     // of a data socket
  Hash nonce{};
};

struct Challenge {
  Hash nonce{};
  Hash proof{};
};

enum class Verdict : std::uint8_t {
  kWelcome = 1,
  kGone = 2,  // that rank has left, or already has such a connection
};

constexpr std::size_t kHelloBytes = 72;
constexpr std::size_t kChallengeBytes = 68;
constexpr std::size_t kProofBytes = 32;
constexpr std::size_t kVerdictBytes = 4;

std::string encode(const Hello& hello);
std::optional<Hello> decode_hello(std::string_view bytes);
// False when no hello begins with these bytes.
bool could_be_hello(std::string_view beginning);
std::string encode(const Challenge& challenge);
std::optional<Challenge> decode_challenge(std::string_view bytes);
std::string encode(Verdict verdict);
std::optional<Verdict> decode_verdict(std::string_view bytes);

Hash listener_proof(const Secret& secret, const Hello& hello, const Hash& listener_nonce);
Hash joiner_proof(const Secret& secret, const Hello& hello, const Hash& listener_nonce);

}  // namespace hfreduce::bootstrap
