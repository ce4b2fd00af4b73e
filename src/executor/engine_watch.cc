// What the engine looks after while nothing moves: deadlines, questions to the others, and what
// went wrong without anybody having been told.
#include <fmt/core.h>

#include <algorithm>

#include "base/log.h"
#include "executor/engine.h"

namespace hfreduce::executor {
namespace {

constexpr Nanoseconds kMs = 1'000'000;
constexpr Nanoseconds kFirstQuestion = 100 * kMs;
constexpr Nanoseconds kMostBetweenQuestions = 4'000 * kMs;
constexpr Nanoseconds kFirstLog = 10'000 * kMs;
constexpr Nanoseconds kAnswerGrace = 400 * kMs;  // for the tree to name the culprit
// Whose memory cannot be had has died, most likely, and the tree says so within a second.
constexpr Nanoseconds kUnreadableGrace = 1'500 * kMs;
constexpr Nanoseconds kBrokenLinkGrace = 300 * kMs;  // for the control tree to say why a link ended

}  // namespace

void Engine::watch(Nanoseconds now) {
  if (head_ == nullptr || latch_.raised()) return;
  if (waiting_since_ == 0) {
    waiting_since_ = now;
    next_question_ = now + kFirstQuestion;
    next_log_ = now + kFirstLog;
    mismatch_since_ = unreadable_since_ = last_answer_by_ = 0;
  }
  if (!watch_links(now)) return;
  watch_mismatch(now);
  watch_unreadable(now);
  if (now >= next_question_) {
    options_.hooks.ask(head_->call.sequence);
    next_question_ =
        now + std::min(kMostBetweenQuestions, std::max(kFirstQuestion * 3, now - waiting_since_));
  }
  if (now >= next_log_) {
    log_wait(now);
    next_log_ = now + 3 * kFirstLog;
  }
  watch_deadline(now);
}

// Returns whether all that the operation needs are up, or may be yet.
bool Engine::watch_links(Nanoseconds now) {
  for (const std::int32_t peer : head_->route.plan->links) {
    const auto broken = broken_.find(peer);
    if (broken == broken_.end()) continue;
    if (now <= std::max(waiting_since_, broken->second.noticed) + kBrokenLinkGrace) continue;
    latch_.raise(options_.hooks.blame(broken->second.why, peer));
    return false;
  }
  return true;
}

void Engine::log_wait(Nanoseconds now) const {
  const Call& call = head_->call;
  std::int32_t rank = -1;
  std::string whom = options_.hooks.answer(call.sequence, &rank);
  if (whom.empty()) {
    const std::int32_t peer = run_.waits_for();
    whom = "for " + (peer >= 0 ? options_.hooks.describe(peer) : std::string("the network"));
  }
  HFR_LOG(kWarn, "wait", "{} (operation {}) has been waiting for {} s: {}",
          call.signature.to_string(), call.sequence, (now - waiting_since_) / (1000 * kMs), whom);
}

// Somebody made another call. The control tree compares what everyone called and names the odd one.
void Engine::watch_mismatch(Nanoseconds now) {
  const std::int32_t peer = std::max(run_.mismatched_peer(), peers_.mismatched_peer());
  if (peer < 0) return;
  const Call& call = head_->call;
  if (mismatch_since_ == 0) {
    mismatch_since_ = now;
    options_.hooks.ask(call.sequence);
  } else if (now > mismatch_since_ + kAnswerGrace) {
    std::string text =
        fmt::format("{} made another call than this rank, which called {} as operation {}",
                    options_.hooks.describe(peer), call.signature.to_string(), call.sequence);
    latch_.raise(options_.hooks.blame(Status(Code::kMismatch, std::move(text)), peer));
  }
}

// The tree knows who has died, or which rank has failed and so taken its buffer away.
void Engine::watch_unreadable(Nanoseconds now) {
  if (run_.unreadable().ok()) return;
  if (unreadable_since_ == 0) {
    unreadable_since_ = now;
  } else if (now > unreadable_since_ + kUnreadableGrace) {
    latch_.raise(options_.hooks.blame(run_.unreadable(), run_.failed_peer()));
  }
}

void Engine::watch_deadline(Nanoseconds now) {
  const Call& call = head_->call;
  if (now < waiting_since_ + call.timeout_ms * kMs) return;
  if (last_answer_by_ == 0) {  // ask once more, so that the answer is fresh
    options_.hooks.ask(call.sequence);
    last_answer_by_ = now + kAnswerGrace;
    return;
  }
  std::int32_t rank = -1;
  std::string who = options_.hooks.answer(call.sequence, &rank);
  if (who.empty() && now < last_answer_by_) return;
  if (who.empty()) {
    rank = run_.waits_for();
    who = rank >= 0 ? "waiting for " + options_.hooks.describe(rank) : "waiting for the network";
  }
  std::string text = fmt::format("{} (operation {}) did not end within its deadline of {} ms: {}",
                                 call.signature.to_string(), call.sequence, call.timeout_ms, who);
  latch_.raise(options_.hooks.blame(Status(Code::kTimeout, std::move(text)), rank));
}

}  // namespace hfreduce::executor
