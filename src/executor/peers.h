// The ranks of other hosts as the executor sees them: their links, and a copy of each flag that
// they raise here by message.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "executor/window_map.h"
#include "transport/link.h"
#include "transport/shm/window.h"

namespace hfreduce::executor {

// What arriving messages may touch while an operation is active.
struct LandingZone {
  std::byte* output = nullptr;
  std::uint64_t bytes = 0;
  transport::Tag tag;
};

class Peers final : public transport::Inbox {
 public:
  Peers(const WindowMap& map, std::byte* own_window) : map_(map), window_(own_window) {}

  // Makes room for `peer`'s flags; its link comes later. The line stays where it is.
  const transport::FlagLine* flag(std::int32_t peer, std::uint32_t flag);
  // nullptr while the link is being connected.
  transport::Link* link(std::int32_t peer) const noexcept;
  void set_link(std::int32_t peer, std::unique_ptr<transport::Link> link);
  // Every link that is up, by peer.
  const std::map<std::int32_t, std::unique_ptr<transport::Link>>& links() const noexcept {
    return links_;
  }

  void open(const LandingZone& zone) noexcept { zone_ = zone; }
  void close() noexcept { zone_ = {}; }
  // Messages that have come so far.
  std::uint64_t arrivals() const noexcept { return arrivals_; }
  // The peer that sent bytes for another call than the active one, or -1. Sticks.
  std::int32_t mismatched_peer() const noexcept { return mismatched_peer_; }

  std::byte* place(int peer, const transport::Message& message) noexcept override;
  bool arrived(int peer, const transport::Message& message) noexcept override;

 private:
  const WindowMap& map_;
  std::byte* window_;
  std::map<std::int32_t, std::vector<transport::FlagLine>> flags_;
  std::map<std::int32_t, std::unique_ptr<transport::Link>> links_;
  LandingZone zone_;
  std::uint64_t arrivals_ = 0;
  std::int32_t mismatched_peer_ = -1;
};

}  // namespace hfreduce::executor
