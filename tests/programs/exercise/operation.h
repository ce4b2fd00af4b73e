// One operation on its way: its buffers with guards around them, its request, and its verdict.
#pragma once

#include <hfreduce.h>

#include <cstdint>
#include <string>

#include "bytes.h"
#include "task.h"

namespace exercise {

class Operation {
 public:
  Operation(const Task& task, int rank, hfreduceComm_t comm);

  // Calls the library; with a request, returns as soon as it does.
  hfreduceResult_t start(const std::string& algorithm);
  // Waits for the request, if there is one, polling now and then. Frees it.
  hfreduceResult_t finish();
  // After success: how many elements are wrong, were written outside the buffer, or were changed in
  // an input that is not in place. Says which was the first in `*story`.
  std::uint64_t count_wrong(std::string* story) const;

  const Task& task() const { return task_; }
  std::uint64_t hash() const;  // of the result
  hfreduceRequest_t request() const { return request_; }

 private:
  static constexpr std::size_t kGuard = 64;
  static constexpr std::uint8_t kGuardByte = 0xa5;

  std::size_t begin() const { return kGuard + task_.offset * element_bytes(task_.type); }
  hfreduceResult_t reduce(const void* send, void* receive, const hfreduceCallConfig_t* call);
  std::uint64_t count_guard_damage(const Bytes& buffer) const;

  Task task_;
  int rank_;
  hfreduceComm_t comm_;
  hfreduceRequest_t request_ = nullptr;
  Bytes send_;     // empty: in place, or not a root
  Bytes receive_;  // guard, offset, data, guard
};

}  // namespace exercise
