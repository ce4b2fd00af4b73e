// The payloads of control frames, as plain structs. encode() never fails; decoding returns nothing
// for bytes that do not make sense, whatever they are.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "bootstrap/address.h"
#include "bootstrap/rank_set.h"

namespace hfreduce::bootstrap {

constexpr std::size_t kMostEntry = 8 << 10;
constexpr std::size_t kMostHostName = 255;

// kCheckIn
struct CheckIn {
  Address address;  // where the rank listens
  std::string host;
  std::int32_t pid = 0;
  std::int32_t wait_ms = 0;  // how long it is willing to wait for the others
};
std::string encode(const CheckIn& message);
std::optional<CheckIn> decode_check_in(std::string_view bytes);

// kParent: no address for rank 0, which has no parent.
std::string encode(const std::optional<Address>& parent);
std::optional<std::optional<Address>> decode_parent(std::string_view bytes);

// kFailure
std::string encode(const Status& failure);
std::optional<Status> decode_failure(std::string_view bytes);

// kEntries: pieces of exchange number `round`.
struct Entries {
  struct Entry {
    std::int32_t rank = 0;
    std::string bytes;
  };
  std::uint32_t round = 0;
  std::vector<Entry> entries;
};
std::string encode(const Entries& message);
std::optional<Entries> decode_entries(std::string_view bytes);

// kLeave: ranks that have left, each with the number of operations that it had called.
using Departed = std::map<std::int32_t, std::uint64_t>;
std::string encode(const Departed& message);
std::optional<Departed> decode_departed(std::string_view bytes, std::int32_t ranks);

// What a rank says about itself in round 0, for all to know.
struct Introduction {
  std::string host;
  std::int32_t pid = 0;
  Address address;
  std::string host_hint;  // equal on ranks that may share memory
  std::uint64_t window_bytes = 0;
  std::string greeting;
};
std::string encode(const Introduction& message);
std::optional<Introduction> decode_introduction(std::string_view bytes);

}  // namespace hfreduce::bootstrap
