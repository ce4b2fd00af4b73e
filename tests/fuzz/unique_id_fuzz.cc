// The 128 bytes that users carry between ranks by any means.
#include <cstring>

#include "bootstrap/secrets.h"
#include "bootstrap/unique_id.h"
#include "check.h"

using namespace hfreduce::bootstrap;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::array<char, UniqueId::kBytes> bytes{};
  std::memcpy(bytes.data(), data, std::min(size, bytes.size()));
  for (const bool repaired : {false, true}) {
    if (repaired) {  // past the checksum, into the rest
      const Hash sum = plain_hash("unique id", {bytes.data(), bytes.size() - 8});
      std::memcpy(bytes.data() + bytes.size() - 8, sum.data(), 8);
    }
    const auto id = UniqueId::unpack(bytes);
    if (!id.ok()) continue;
    FUZZ_CHECK(!id->addresses.empty() && id->addresses.size() <= UniqueId::kMostAddresses);
    const auto again = UniqueId::unpack(id->pack());
    FUZZ_CHECK(again.ok() && again->secret == id->secret && again->job == id->job);
    for (const Address& address : id->addresses) FUZZ_CHECK(!address.to_string().empty());
  }
  return 0;
}
