// Whether the other end of a control connection still answers, counted in answers and not in the
// kernel's retransmissions.
#pragma once

#include <functional>

#include "bootstrap/loop.h"

namespace hfreduce::bootstrap {

// Two watches, since the kernel has one for each state of a connection. While nothing is on its
// way, keepalive probes it. While something is, the kernel's user timeout counts from the first
// retransmission, which comes seconds late where round trips were measured under load; so that
// state is looked at here, and only while it lasts: an idle connection costs no timer.
class SilenceWatch {
 public:
  // `on_silent`: called once, on the loop's thread.
  SilenceWatch(Loop& loop, std::function<void()> on_silent);

  // Turns keepalive on. `fd` stays the caller's.
  void start(int fd);
  // Something was written to the connection.
  void sent();
  void stop();

 private:
  void look_later();
  void look();

  Loop& loop_;
  std::function<void()> on_silent_;
  int fd_ = -1;
  Timer next_;
  Nanoseconds last_look_ = 0;
  int looks_ = 0;
};

}  // namespace hfreduce::bootstrap
