#include "base/failure.h"

namespace hfreduce {

bool FailureLatch::raise(Status failure) {
  std::vector<std::function<void(const Status&)>> listeners;
  {
    const std::lock_guard lock(mutex_);
    if (!failure_.ok() || failure.ok()) return false;
    failure_ = std::move(failure);
    raised_.store(true, std::memory_order_release);
    listeners = listeners_;
  }
  for (const auto& listener : listeners) listener(failure_);
  return true;
}

Status FailureLatch::status() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

void FailureLatch::on_raise(std::function<void(const Status&)> listener) {
  const std::lock_guard lock(mutex_);
  listeners_.push_back(std::move(listener));
}

}  // namespace hfreduce
