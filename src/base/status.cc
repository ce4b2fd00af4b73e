#include "base/status.h"

#include <fmt/core.h>

#include <cerrno>
#include <cstring>

namespace hfreduce {
namespace {

struct CodeRow {
  Code code;
  const char* name;
  const char* meaning;
};

constexpr CodeRow kRows[] = {
#define HFR_CODE(name, value, c_name, meaning) {Code::name, #c_name, meaning},
#include "base/codes.inc"
#undef HFR_CODE
};

}  // namespace

const char* code_meaning(int code) noexcept {
  for (const CodeRow& row : kRows) {
    if (static_cast<int>(row.code) == code) return row.meaning;
  }
  return "unknown result code";
}

const char* code_name(Code code) noexcept {
  for (const CodeRow& row : kRows) {
    if (row.code == code) return row.name;
  }
  return "unknown";
}

Status::Status(Code code, std::string text) : detail_(std::make_unique<Detail>()) {
  detail_->code = code;
  detail_->text = std::move(text);
}

Status& Status::operator=(const Status& other) {
  if (this != &other) detail_ = other.detail_ ? std::make_unique<Detail>(*other.detail_) : nullptr;
  return *this;
}

const std::string& Status::text() const noexcept {
  static const std::string kEmpty;
  return detail_ ? detail_->text : kEmpty;
}

Status Status::with_rank(int rank, std::string_view host) && {
  if (detail_ && detail_->rank < 0) detail_->rank = rank;
  if (detail_ && detail_->host.empty()) detail_->host = host;
  return std::move(*this);
}

Status Status::with_phase(std::string_view phase) && {
  if (detail_ && detail_->phase.empty()) detail_->phase = phase;
  return std::move(*this);
}

Status Status::with_sequence(std::uint64_t sequence) && {
  if (detail_ && detail_->sequence == 0) detail_->sequence = sequence;
  return std::move(*this);
}

Status Status::in_context(std::string_view what) && {
  if (detail_) detail_->text = fmt::format("{}: {}", what, detail_->text);
  return std::move(*this);
}

std::string Status::to_string() const {
  if (ok()) return "success";
  return fmt::format("{}: {}", code_name(detail_->code), detail_->text);
}

Status system_error(std::string_view what, int error_number) {
  const int number = error_number != 0 ? error_number : errno;
  const char* name = strerrorname_np(number);
  const Code code = number == ENOMEM ? Code::kOutOfMemory : Code::kSystemError;
  return Status(code, fmt::format("{}: {} ({})", what,
                                  strerrordesc_np(number) ? strerrordesc_np(number) : "error",
                                  name ? name : std::to_string(number)));
}

}  // namespace hfreduce
