// Going to sleep without missing a wake-up, and waking a peer that sleeps.
//
// The sleeper announces itself (mode), looks once more whether there is work, and only then sleeps:
// on a futex in its window when all it waits for is mapped, else in epoll, where a datagram to its
// socket wakes it. Who gives it work writes the work first and then looks at the mode; a full fence
// on both sides makes sure that one of the two sees the other. The socket has a name that the
// kernel chose in the abstract namespace: nothing is left behind, and a stranger's datagram is at
// worst a spurious wake-up.
#pragma once

#include "base/clock.h"
#include "base/fd.h"
#include "transport/shm/window.h"

namespace hfreduce::transport {

class Doorbell {
 public:
  // `line` is this rank's own.
  static Result<Doorbell> make(DoorbellLine& line);

  // The descriptor that becomes readable when somebody rings at a rank that sleeps in epoll.
  int fd() const noexcept { return socket_.get(); }

  // Announces sleep. The caller then looks for work once more, and either sleeps or calls awake().
  void announce(bool in_epoll) noexcept;
  // Sleeps until rung, at most `ms`. Only after announce(false).
  void sleep_on_futex(int ms) noexcept;
  // Ends an announcement and takes pending rings.
  void awake() noexcept {
    if (line_->mode.load(std::memory_order_relaxed) != 0) take_rings();
  }

  // Wakes the owner of `other` if it sleeps. The caller has written what it is to see.
  void ring(DoorbellLine& other) const noexcept;
  // Without the fence: for ringing at several after one ring_fence().
  void ring_if_asleep(DoorbellLine& other) const noexcept {
    if (other.mode.load(std::memory_order_relaxed) != 0) wake(other);
  }
  static void ring_fence() noexcept { std::atomic_thread_fence(std::memory_order_seq_cst); }

 private:
  void take_rings() noexcept;
  void wake(DoorbellLine& other) const noexcept;

  DoorbellLine* line_ = nullptr;
  UniqueFd socket_;
  std::uint32_t seen_ = 0;
};

}  // namespace hfreduce::transport
