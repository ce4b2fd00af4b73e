// The engine's links: operations of several hosts.
#include <algorithm>
#include <chrono>
#include <thread>
#include <vector>

#include "executor/engine.h"

namespace hfreduce::executor {
namespace {

// An operation looks at its links at least once in so many rounds of steps.
constexpr int kRoundsALook = 4;

}  // namespace

// Returns whether a link came up that was not.
bool Engine::connect_links() {
  bool came = false;
  links_up_ = true;
  for (const std::int32_t peer : head_->route.plan->links) {
    if (peers_.link(peer) != nullptr || broken_.count(peer) != 0) continue;
    auto link = options_.hooks.take_link(peer, peers_);
    if (!link.ok()) {
      latch_.raise(options_.hooks.blame(link.status(), peer));
    } else if (*link != nullptr) {
      peers_.set_link(peer, std::move(*link));
      came = true;
    } else {
      // Once: a second connection would take the place of the first at the other end.
      if (asked_for_.insert(peer).second) options_.hooks.connect(peer);
      links_up_ = false;
    }
  }
  return came;
}

// What a step posts leaves at once. A look at the links is a system call each, and so comes when no
// step can be done without it, or when many were.
bool Engine::advance_over_links() {
  bool moved = false;
  const auto advance = [&] {
    if (!run_.advance()) return false;
    for (const std::int32_t peer : head_->route.plan->links) send_link(peer);
    return moved = true;
  };
  for (int round = 0; round < kRoundsALook && advance(); ++round) {
    if (run_.finished() && links_idle()) return true;
  }
  const std::uint64_t before = peers_.arrivals();
  pump_links(false);
  stuck_ = peers_.arrivals() == before || !advance();
  return moved;
}

void Engine::pump_links(bool all) {
  if (!all) {
    for (const std::int32_t peer : head_->route.plan->links) pump_link(peer);
    return;
  }
  std::vector<std::int32_t> up;
  for (const auto& [peer, link] : peers_.links()) up.push_back(peer);
  for (const std::int32_t peer : up) pump_link(peer);
}

// What arrived shows in the flags.
void Engine::pump_link(std::int32_t peer) {
  transport::Link* link = peers_.link(peer);
  if (link == nullptr) return;
  if (Status status = link->progress(); !status.ok()) link_failed(peer, std::move(status));
}

void Engine::send_link(std::int32_t peer) {
  transport::Link* link = peers_.link(peer);
  if (link == nullptr) return;
  if (Status status = link->send(); !status.ok()) link_failed(peer, std::move(status));
}

// An ended link is no failure by itself: the peer may have finished rightly and left.
void Engine::link_failed(std::int32_t peer, Status status) {
  peers_.set_link(peer, nullptr);
  if (peers_.mismatched_peer() >= 0) return;  // the tree will tell
  if (status.code() == Code::kPeerDead) {
    broken_.emplace(peer, BrokenLink{std::move(status), now_ns()});
  } else {
    latch_.raise(options_.hooks.blame(std::move(status), peer));
  }
}

bool Engine::links_idle() const noexcept {
  const auto& links = head_->route.plan->links;
  return std::all_of(links.begin(), links.end(), [&](std::int32_t peer) {
    const transport::Link* link = peers_.link(peer);
    return link == nullptr || link->idle();
  });
}

void Engine::leave(int ms) {
  const Deadline deadline = Deadline::after_ms(ms);
  for (bool left = false; !left && !deadline.passed();) {
    left = true;
    pump_links(true);
    for (const auto& [peer, link] : peers_.links()) {
      if (link != nullptr && !link->leave()) left = false;
    }
    if (!left) std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
}

}  // namespace hfreduce::executor
