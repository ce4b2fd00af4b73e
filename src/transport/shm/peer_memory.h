// Peers' buffers as this rank has them mapped: memory objects that were asked for once and are
// kept.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <utility>

#include "base/fd.h"
#include "base/status.h"
#include "memory/mapping.h"

namespace hfreduce::transport {

// What one rank says of one buffer: which object of which process, and where in it.
struct BufferName {
  // Instead of an object's number: private memory, and the offset is its address there.
  static constexpr std::uint64_t kPrivate = ~0ull;

  std::uint64_t object = 0;
  std::uint64_t offset = 0;
};

// What it says of a call's buffers, in the line of the flag that offers them.
struct Offer {
  std::uint64_t process = 0;  // 0: peers cannot map them
  BufferName input, output;
  static constexpr std::size_t kWords = 5;

  bool is_private() const noexcept { return input.object == BufferName::kPrivate; }
};

class PeerMemory {
 public:
  // Asks for a descriptor: invalid while it has not come. An error is final.
  using Fetch = std::function<Result<UniqueFd>(std::uint64_t process, std::uint64_t object)>;
  explicit PeerMemory(Fetch fetch) : fetch_(std::move(fetch)) {}

  // Where `bytes` bytes of that buffer are here; nullptr: not yet, ask again. kProtocolError: the
  // object is not that long, whatever was said.
  Result<std::byte*> find(std::uint64_t process, const BufferName& buffer, std::uint64_t bytes);
  // Between calls, when nobody uses what find() gave: peers that allocate and free for ever must
  // not fill this process's address space.
  void trim();

 private:
  Fetch fetch_;
  std::map<std::pair<std::uint64_t, std::uint64_t>, memory::Mapping> objects_;
};

}  // namespace hfreduce::transport
