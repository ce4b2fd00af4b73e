#include "executor/peers.h"

namespace hfreduce::executor {

const transport::FlagLine* Peers::flag(std::int32_t peer, std::uint32_t flag) {
  auto entry = flags_.find(peer);
  if (entry == flags_.end()) {
    entry = flags_.emplace(peer, std::vector<transport::FlagLine>(map_.flags())).first;
  }
  return &entry->second[flag];
}

transport::Link* Peers::link(std::int32_t peer) const noexcept {
  const auto entry = links_.find(peer);
  return entry == links_.end() ? nullptr : entry->second.get();
}

void Peers::set_link(std::int32_t peer, std::unique_ptr<transport::Link> link) {
  flag(peer, 0);
  links_[peer] = std::move(link);
}

std::byte* Peers::place(int peer, const transport::Message& message) noexcept {
  if (message.target == transport::Target::kWindow) {
    const bool inside = message.offset >= map_.slots_offset() && message.offset <= map_.bytes() &&
                        message.bytes <= map_.bytes() - message.offset;
    return inside ? window_ + message.offset : nullptr;
  }
  if (message.tag != zone_.tag) {
    mismatched_peer_ = peer;
    return nullptr;
  }
  const bool inside =
      message.offset <= zone_.bytes && message.bytes <= zone_.bytes - message.offset;
  return inside ? zone_.output + message.offset : nullptr;
}

bool Peers::arrived(int peer, const transport::Message& message) noexcept {
  const auto entry = flags_.find(peer);
  if (entry == flags_.end() || message.flag >= entry->second.size()) return false;
  transport::FlagLine& line = entry->second[message.flag];
  if (message.value <= line.value.load(std::memory_order_relaxed)) return false;  // flags only grow
  line.raise(message.value, transport::pack_tag(message.tag));
  ++arrivals_;
  return true;
}

}  // namespace hfreduce::executor
