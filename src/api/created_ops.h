// The operations that callers made with hfreduceRedOpCreatePreMulSum.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>

#include "base/status.h"
#include "hfreduce.h"
#include "kernels/cpu/reduce.h"

namespace hfreduce::api {

struct CreatedOp {
  hfreduceComm_t comm = nullptr;
  kernels::DataType type = kernels::DataType::kFloat32;
  std::uint64_t scalar = 0;  // its bits, in the low bytes
};

// One table a process, so that an operation which is used on another communicator is found out. A
// number is not given again before all others were. Thread-safe.
class CreatedOps {
 public:
  hfreduceRedOp_t add(const CreatedOp& op);
  // Errors: kInvalidUsage, there is no such operation or it belongs to another communicator.
  Result<CreatedOp> find(hfreduceRedOp_t op, hfreduceComm_t comm) const;
  Status remove(hfreduceRedOp_t op, hfreduceComm_t comm);
  // All of a communicator that was destroyed.
  void remove_all(hfreduceComm_t comm);

 private:
  Status check(hfreduceRedOp_t op, hfreduceComm_t comm) const;  // hold the mutex

  mutable std::mutex mutex_;
  std::map<int, CreatedOp> ops_;
  int next_ = hfreduceFirstCreatedOp;
};

// The process's; never destroyed.
CreatedOps& created_ops();

}  // namespace hfreduce::api
