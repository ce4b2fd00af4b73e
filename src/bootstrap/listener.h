// Takes what connects to a listening socket, on the control thread.
#pragma once

#include <sys/epoll.h>

#include <functional>

#include "base/fd.h"
#include "bootstrap/loop.h"

namespace hfreduce::bootstrap {

// Without free descriptors it pauses, instead of being woken for ever.
class Listener final : public Watcher {
 public:
  using Arrived = std::function<void(UniqueFd)>;

  // `socket` listens and does not block.
  Listener(Loop& loop, UniqueFd socket, Arrived arrived);

 private:
  void watch() { watch_ = loop_.watch(socket_.get(), EPOLLIN, *this); }
  void ready(std::uint32_t events) override;
  void pause();

  Loop& loop_;
  UniqueFd socket_;
  Arrived arrived_;
  Watch watch_;
  Timer timer_;
  Nanoseconds quiet_until_ = 0;
};

}  // namespace hfreduce::bootstrap
