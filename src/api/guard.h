// From Status to C: every function of hfreduce.h goes through here.
#pragma once

#include <new>

#include "base/fd.h"
#include "base/status.h"
#include "hfreduce.h"

namespace hfreduce::api {

// Remembers a failure as this thread's last and returns its code.
hfreduceResult_t report(const Status& status) noexcept;
// This thread's last failure, or success.
const Status& last_failure() noexcept;
// Fills a caller's struct, as far as the caller's version of it goes.
void fill_error_info(const Status& status, hfreduceErrorInfo_t* info) noexcept;

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
  } catch (const std::bad_alloc&) {
    return report(Status(Code::kOutOfMemory, "memory could not be had"));
  } catch (const std::exception& error) {
    return report(Status(Code::kInternalError, error.what()));
  }
}

}  // namespace hfreduce::api
