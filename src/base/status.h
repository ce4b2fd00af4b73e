// The outcome of anything that can fail: a code for programs, and for people the story behind it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace hfreduce {

enum class Code : int {
#define HFR_CODE(name, value, c_name, meaning) name = value,
#include "base/codes.inc"
#undef HFR_CODE
};

// The code's short English meaning; "unknown result code" for a value that is none.
const char* code_meaning(int code) noexcept;
// The code's name in hfreduce.h.
const char* code_name(Code code) noexcept;

// Success costs one null pointer. A failure says what was tried, on what, what happened and what to
// do.
class [[nodiscard]] Status {
 public:
  struct Detail {
    Code code = Code::kInternalError;
    int rank = -1;               // whom it is about; -1: nobody in particular
    std::uint64_t sequence = 0;  // the operation's number on its communicator; 0: none
    std::string host;            // where that rank is; empty: unknown
    std::string phase;           // "join", "allreduce", ...
    std::string text;
  };

  Status() noexcept = default;
  Status(Code code, std::string text);
  explicit Status(Detail detail) : detail_(std::make_unique<Detail>(std::move(detail))) {}
  Status(const Status& other) { *this = other; }
  Status& operator=(const Status& other);
  Status(Status&&) noexcept = default;
  Status& operator=(Status&&) noexcept = default;

  bool ok() const noexcept { return detail_ == nullptr; }
  explicit operator bool() const noexcept { return ok(); }
  Code code() const noexcept { return detail_ ? detail_->code : Code::kOk; }
  const std::string& text() const noexcept;
  // Only on a failure.
  const Detail& detail() const noexcept { return *detail_; }

  // Each returns the same failure with one more fact; a fact already there stays. No effect on
  // success.
  Status with_rank(int rank, std::string_view host = {}) &&;
  Status with_phase(std::string_view phase) &&;
  Status with_sequence(std::uint64_t sequence) &&;
  // Puts "what: " in front of the text.
  Status in_context(std::string_view what) &&;

  std::string to_string() const;

 private:
  std::unique_ptr<Detail> detail_;
};

// A failed system call: "what: strerror (errno name)". Uses errno unless one is given.
Status system_error(std::string_view what, int error_number = 0);

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT: implicit
  Result(Status failure)
      : state_(std::in_place_index<1>, std::move(failure)) {}  // NOLINT: implicit

  bool ok() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return ok(); }
  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  Status status() const { return ok() ? Status() : std::get<1>(state_); }

 private:
  std::variant<T, Status> state_;
};

}  // namespace hfreduce

// Returns the failure of `expression` (a Status) from this function.
#define HFR_TRY(expression)                                                                \
  do {                                                                                     \
    if (::hfreduce::Status hfr_status = (expression); !hfr_status.ok()) return hfr_status; \
  } while (false)

#define HFR_CONCAT_2(a, b) a##b
#define HFR_CONCAT(a, b) HFR_CONCAT_2(a, b)
// Declares or assigns `target` from a Result, or returns its failure.
#define HFR_ASSIGN(target, expression) \
  HFR_ASSIGN_2(target, expression, HFR_CONCAT(hfr_result_, __LINE__))
#define HFR_ASSIGN_2(target, expression, temporary) \
  auto temporary = (expression);                    \
  if (!temporary.ok()) return temporary.status();   \
  target = std::move(temporary).value()
