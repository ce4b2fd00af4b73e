// From Status to C: every function of hfreduce.h goes through here.
#pragma once

#include <exception>

#include "base/fd.h"
#include "base/status.h"
#include "hfreduce.h"

namespace hfreduce::api {

// Remembers a failure as this thread's last and returns its code.
hfreduceResult_t report(const Status& status) noexcept;
// The same for what has just been caught, also where there is no memory to tell of it.
hfreduceResult_t report_thrown() noexcept;
// This thread's last failure, or success.
const Status& last_failure() noexcept;
// Fills a caller's struct, as far as the caller's version of it goes.
void fill_error_info(const Status& status, hfreduceErrorInfo_t* info) noexcept;

// What was thrown, as a failure.
Status status_of(const std::exception_ptr& thrown);
Status null_argument(const char* name);
Status bad_handle(const char* kind);
Status not_supported(const char* what);

// Runs `body`, a callable that returns a Status; nothing escapes.
template <typename Body>
hfreduceResult_t guarded(Body&& body) noexcept {
  try {
    if (in_forked_child()) {
      return report(Status(
          Code::kInvalidUsage,
          "this process was forked from one that uses hfreduce: its handles, threads and "
          "connections "
          "stayed with the parent; start workers by exec (spawn) if they are to use hfreduce"));
    }
    Status status = body();
    return status.ok() ? hfreduceSuccess : report(status);
  } catch (...) {
    return report_thrown();
  }
}

}  // namespace hfreduce::api
