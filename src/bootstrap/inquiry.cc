#include "bootstrap/inquiry.h"

#include <algorithm>

namespace hfreduce::bootstrap {
namespace {

constexpr std::int32_t kPatienceMs = 350;     // of the top
constexpr std::int32_t kPatienceStepMs = 70;  // each level below has less, so that it answers first
constexpr std::int32_t kLeastPatienceMs = 50;
constexpr Nanoseconds kBetweenSurveys = 50'000'000;

}  // namespace

void Inquiry::ask(std::uint64_t sequence) {
  own_ = sequence;
  advance();
}

void Inquiry::advance() {
  std::uint64_t next = own_;
  for (const auto& [child, sequence] : asked_) {
    if (next == 0 || sequence < next) next = sequence;
  }
  if (next == 0) return;
  if (!port_.is_top()) {
    if (passed_up_ != 0) return;
    passed_up_ = next;
    port_.tell(std::nullopt, FrameType::kAsk, Writer().u64(next).take());
    return;
  }
  if (survey_) return;
  const Nanoseconds wait = earliest_ - now_ns();
  if (wait > 0) {
    if (!later_) {
      later_ = loop_.after(wait, [this] {
        later_.reset();
        advance();
      });
    }
    return;
  }
  Survey survey;
  survey.id = next_id_++;
  survey.sequence = next;
  begin(std::move(survey), kPatienceMs);
}

void Inquiry::begin(Survey survey, std::int32_t wait_ms) {
  survey_ = std::move(survey);
  survey_->report = port_.own_report(survey_->sequence);
  const std::int32_t below = std::max(wait_ms - kPatienceStepMs, kLeastPatienceMs);
  for (const std::int32_t child : port_.children()) {
    if (!silent_.insert(child).second) continue;
    survey_->awaited.insert(child);
    port_.tell(child, FrameType::kSurvey,
               Writer().u32(survey_->id).u64(survey_->sequence).i32(below).take());
  }
  if (survey_->awaited.empty()) return end_survey();
  survey_->patience = loop_.after(Nanoseconds{wait_ms} * 1'000'000, [this] { end_survey(); });
}

void Inquiry::end_survey() {
  Survey survey = std::move(*survey_);
  survey_.reset();
  if (survey.for_parent) {
    Writer writer;
    writer.u32(survey.id);
    survey.report.write(writer);
    return port_.tell(std::nullopt, FrameType::kReport, writer.take());
  }
  earliest_ = now_ns() + kBetweenSurveys;
  const Judgement judgement = port_.conclude(survey.report, survey.sequence);
  if (judgement.failure.ok()) hand_out(survey.sequence, judgement.absent);
}

void Inquiry::hand_out(std::uint64_t sequence, const RankSet& absent) {
  Writer writer;
  writer.u64(sequence);
  absent.write(writer, 1000);
  const std::string payload = writer.take();
  for (auto at = asked_.begin(); at != asked_.end();) {
    if (at->second != sequence) {
      ++at;
      continue;
    }
    port_.tell(at->first, FrameType::kDiagnosis, payload);
    at = asked_.erase(at);
  }
  if (own_ == sequence) {
    own_ = 0;
    port_.answered(sequence, absent);
  }
  advance();
}

bool Inquiry::from_child(std::int32_t child, const Frame& frame) {
  Reader reader(frame.payload);
  if (frame.type == FrameType::kAsk) {
    const std::uint64_t sequence = reader.u64();
    if (!reader.done() || sequence == 0) return false;
    asked_[child] = sequence;
    advance();
    return true;
  }
  const std::uint32_t id = reader.u32();
  const auto report = Report::read(reader, ranks_);
  if (!report || !reader.done()) return false;
  silent_.erase(child);
  // A late answer to an earlier survey is of no use any more.
  if (!survey_ || survey_->id != id || survey_->awaited.erase(child) == 0) return true;
  survey_->report.add(*report);
  if (survey_->awaited.empty()) end_survey();
  return true;
}

bool Inquiry::from_parent(const Frame& frame) {
  Reader reader(frame.payload);
  if (frame.type == FrameType::kSurvey) {
    Survey survey;
    survey.id = reader.u32();
    survey.sequence = reader.u64();
    survey.for_parent = true;
    const std::int32_t wait_ms = reader.i32();
    if (!reader.done() || wait_ms < 0 || wait_ms > 60'000) return false;
    begin(std::move(survey), wait_ms);  // an unfinished one is not waited for any more
    return true;
  }
  const std::uint64_t sequence = reader.u64();
  RankSet absent;
  if (!absent.read(reader, ranks_) || !reader.done()) return false;
  if (passed_up_ == sequence) passed_up_ = 0;
  hand_out(sequence, absent);
  return true;
}

void Inquiry::child_gone(std::int32_t child) {
  asked_.erase(child);
  silent_.erase(child);
  if (survey_ && survey_->awaited.erase(child) != 0 && survey_->awaited.empty()) end_survey();
}

void Inquiry::parent_changed() {
  passed_up_ = 0;
  if (survey_ && survey_->for_parent) survey_.reset();
  advance();
}

void Inquiry::stop() {
  survey_.reset();
  later_.reset();
  asked_.clear();
  own_ = 0;
}

}  // namespace hfreduce::bootstrap
