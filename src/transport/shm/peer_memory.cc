#include "transport/shm/peer_memory.h"

#include <fmt/core.h>
#include <sys/stat.h>

namespace hfreduce::transport {
namespace {

constexpr std::size_t kMostObjects = 1024;

}  // namespace

Result<std::byte*> PeerMemory::find(std::uint64_t process, const BufferName& buffer,
                                    std::uint64_t bytes) {
  auto object = objects_.find({process, buffer.object});
  if (object == objects_.end()) {
    HFR_ASSIGN(const UniqueFd fd, fetch_(process, buffer.object));
    if (!fd) return static_cast<std::byte*>(nullptr);
    struct stat facts {};
    if (::fstat(fd.get(), &facts) != 0) return system_error("fstat of a peer's memory");
    HFR_ASSIGN(memory::Mapping mapping,
               memory::Mapping::shared(fd.get(), 0, static_cast<std::size_t>(facts.st_size)));
    HFR_TRY(mapping.keep_from_children());
    object = objects_.emplace(std::pair(process, buffer.object), std::move(mapping)).first;
  }
  const memory::Mapping& mapping = object->second;
  if (buffer.offset > mapping.size() || bytes > mapping.size() - buffer.offset) {
    return Status(Code::kProtocolError,
                  fmt::format("a peer offers {} bytes from {} on in memory of {} bytes", bytes,
                              buffer.offset, mapping.size()));
  }
  return mapping.data() + buffer.offset;
}

void PeerMemory::trim() {
  if (objects_.size() > kMostObjects) objects_.clear();
}

}  // namespace hfreduce::transport
