// What a rank must know to find and to be let into a job.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "bootstrap/address.h"

namespace hfreduce::bootstrap {

using Secret = std::array<std::uint8_t, 32>;
using JobId = std::array<std::uint8_t, 16>;  // not secret: names the rendezvous within a listener

// The content of an hfreduceUniqueId.
struct UniqueId {
  static constexpr std::size_t kBytes = 128;
  static constexpr std::size_t kMostAddresses = 3;

  JobId job{};
  Secret secret{};
  std::vector<Address> addresses;  // where the root listens, best first; at least one

  std::array<char, kBytes> pack() const;
  // kInvalidArgument for bytes that are no id (zeros, another version).
  static Result<UniqueId> unpack(std::span<const char, kBytes> bytes);
};

}  // namespace hfreduce::bootstrap
