#include "api/created_ops.h"

#include <fmt/core.h>

namespace hfreduce::api {

CreatedOps& created_ops() {
  static CreatedOps* ops = new CreatedOps;
  return *ops;
}

hfreduceRedOp_t CreatedOps::add(const CreatedOp& op) {
  const std::lock_guard lock(mutex_);
  while (ops_.count(next_) != 0 || next_ == hfreduceRedOpForceInt) {
    next_ = next_ == hfreduceRedOpForceInt ? hfreduceFirstCreatedOp : next_ + 1;
  }
  ops_.emplace(next_, op);
  return static_cast<hfreduceRedOp_t>(next_++);
}

Status CreatedOps::check(hfreduceRedOp_t op, hfreduceComm_t comm) const {
  const int number = static_cast<int>(op);
  const auto found = ops_.find(number);
  if (found == ops_.end()) {
    return Status(Code::kInvalidUsage,
                  fmt::format("operation {}: never made, or destroyed already", number));
  }
  if (found->second.comm != comm) {
    return Status(
        Code::kInvalidUsage,
        fmt::format("operation {} was made for another communicator: each needs its own", number));
  }
  return {};
}

Result<CreatedOp> CreatedOps::find(hfreduceRedOp_t op, hfreduceComm_t comm) const {
  const std::lock_guard lock(mutex_);
  HFR_TRY(check(op, comm));
  return ops_.at(static_cast<int>(op));
}

Status CreatedOps::remove(hfreduceRedOp_t op, hfreduceComm_t comm) {
  const std::lock_guard lock(mutex_);
  HFR_TRY(check(op, comm));
  ops_.erase(static_cast<int>(op));
  return {};
}

void CreatedOps::remove_all(hfreduceComm_t comm) {
  const std::lock_guard lock(mutex_);
  std::erase_if(ops_, [comm](const auto& entry) { return entry.second.comm == comm; });
}

}  // namespace hfreduce::api
