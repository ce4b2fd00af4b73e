// The first failure of a communicator wins; everybody who waits looks at one word.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <vector>

#include "base/status.h"

namespace hfreduce {

// Shared by all parts of one communicator. Thread-safe.
class FailureLatch {
 public:
  // Makes `failure` the communicator's, unless it already has one; then runs the listeners. Returns
  // whether it was the first.
  bool raise(Status failure);
  // Cheap: one relaxed load, meant for inner loops.
  bool raised() const noexcept { return raised_.load(std::memory_order_relaxed); }
  // The failure, or success.
  Status status() const;
  // `listener` runs once, on the thread that raises, with the failure. Register before sharing the
  // latch.
  void on_raise(std::function<void(const Status&)> listener);

 private:
  std::atomic<bool> raised_{false};
  mutable std::mutex mutex_;
  Status failure_;
  std::vector<std::function<void(const Status&)>> listeners_;
};

}  // namespace hfreduce
