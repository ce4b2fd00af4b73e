#include "bootstrap/unique_id.h"

#include <algorithm>

#include "bootstrap/secrets.h"
#include "bootstrap/wire.h"

namespace hfreduce::bootstrap {
namespace {

constexpr std::uint32_t kMagic = 0x31726668;  // "hfr1": format 1
constexpr std::size_t kPackedAddress = 19;

Status no_id(const char* why) {
  return Status(Code::kInvalidArgument,
                std::string("this is not an id that hfreduceGetUniqueId of this version made: ") +
                    why + "; all ranks must get the same 128 bytes, unchanged");
}

}  // namespace

// magic 4, job 16, secret 32, count 1, addresses 3 x 19, zeros, and 8 bytes of a hash against
// copies that were cut or garbled on the way.
std::array<char, UniqueId::kBytes> UniqueId::pack() const {
  Writer writer;
  const std::size_t count = std::min(addresses.size(), kMostAddresses);
  writer.u32(kMagic).raw(view_of(job)).raw(view_of(secret)).u8(static_cast<std::uint8_t>(count));
  for (std::size_t i = 0; i < count; ++i) writer.raw(addresses[i].pack());
  std::string bytes = writer.take();
  bytes.resize(kBytes - 8, '\0');
  bytes += view_of(plain_hash("unique id", bytes)).substr(0, 8);
  std::array<char, kBytes> packed;
  std::copy(bytes.begin(), bytes.end(), packed.begin());
  return packed;
}

Result<UniqueId> UniqueId::unpack(std::span<const char, kBytes> bytes) {
  const std::string_view whole(bytes.data(), bytes.size());
  Reader reader(whole.substr(0, kBytes - 8));
  if (std::all_of(whole.begin(), whole.end(), [](char c) { return c == 0; })) {
    return no_id("all of its bytes are zero");
  }
  if (reader.u32() != kMagic) return no_id("it begins with other bytes");
  if (view_of(plain_hash("unique id", whole.substr(0, kBytes - 8))).substr(0, 8) !=
      whole.substr(kBytes - 8)) {
    return no_id("its checksum does not match");
  }
  UniqueId id;
  const std::string_view job = reader.raw(id.job.size());
  const std::string_view secret = reader.raw(id.secret.size());
  std::copy(job.begin(), job.end(), reinterpret_cast<char*>(id.job.data()));
  std::copy(secret.begin(), secret.end(), reinterpret_cast<char*>(id.secret.data()));
  const std::size_t count = reader.u8();
  if (count == 0 || count > kMostAddresses) return no_id("it holds no address");
  for (std::size_t i = 0; i < count; ++i) {
    auto address = Address::unpack(reader.raw(kPackedAddress));
    if (!address.ok()) return no_id("an address in it makes no sense");
    id.addresses.push_back(*address);
  }
  return id;
}

}  // namespace hfreduce::bootstrap
