#include "api/guard.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <system_error>

namespace hfreduce::api {
namespace {

thread_local Status last;
thread_local bool untold = false;  // there was no memory for the story of the last failure

const Status& no_memory() {
  static const Status* const status = new Status(Code::kOutOfMemory, "memory could not be had");
  return *status;
}
[[maybe_unused]] const Status& made_while_there_is_memory = no_memory();

template <std::size_t N>
void copy_text(const std::string& text, char (&to)[N]) noexcept {
  const std::size_t length = std::min(text.size(), N - 1);
  std::memcpy(to, text.data(), length);
  to[length] = '\0';
}

}  // namespace

hfreduceResult_t report(const Status& status) noexcept {
  try {
    untold = true;
    last = status;
    untold = false;
  } catch (...) {  // the code still tells
  }
  return static_cast<hfreduceResult_t>(status.code());
}

hfreduceResult_t report_thrown() noexcept {
  try {
    return report(status_of(std::current_exception()));
  } catch (...) {
    return report(no_memory());
  }
}

const Status& last_failure() noexcept { return untold ? no_memory() : last; }

void fill_error_info(const Status& status, hfreduceErrorInfo_t* info) noexcept {
  hfreduceErrorInfo_t full = HFREDUCE_ERROR_INFO_INITIALIZER;
  full.size = info->size;
  full.version = info->version;
  if (!status.ok()) {
    const Status::Detail& detail = status.detail();
    full.code = static_cast<hfreduceResult_t>(detail.code);
    full.rank = detail.rank;
    full.sequence = detail.sequence;
    copy_text(detail.host, full.host);
    copy_text(detail.phase, full.phase);
    copy_text(detail.text, full.text);
  }
  std::memcpy(info, &full, std::min(info->size, sizeof full));
}

Status status_of(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const std::bad_alloc&) {
    return no_memory();
  } catch (const std::system_error& error) {
    return Status(Code::kSystemError, error.what());
  } catch (const std::exception& error) {
    return Status(Code::kInternalError, error.what());
  }
}

Status null_argument(const char* name) {
  return Status(Code::kInvalidArgument, fmt::format("{} is NULL", name));
}

Status bad_handle(const char* kind) {
  return Status(Code::kInvalidUsage,
                fmt::format("this is no {}: it was never made, or has been destroyed", kind));
}

Status not_supported(const char* what) {
  return Status(Code::kNotSupported, fmt::format("{} is declared but not supported yet", what));
}

}  // namespace hfreduce::api
