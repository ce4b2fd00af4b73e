// The exit status of `hfreduce-sched verify`, which is that of this function. An algorithm that
// does its work and one that forgets a step are both proved by the real verifier.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "commands.h"

namespace hfreduce::sched {
namespace {

using testing::HasSubstr;
using testing::Not;

const algorithms::Algorithm& ring() {
  return *algorithms::find(algorithms::Collective::kAllReduce, "ring");
}

// Rank 0 leaves out the last step of its first lane that has any.
schedule::Schedule emit_forgetful(const algorithms::Request& request, std::int32_t rank) {
  schedule::Schedule schedule = ring().emit(request, rank);
  for (auto& lane : schedule.lanes) {
    if (rank != 0 || lane.steps.empty()) continue;
    lane.steps.pop_back();
    break;
  }
  return schedule;
}

algorithms::Algorithm forgetful() {
  algorithms::Algorithm broken = ring();
  broken.name = "forgetful";
  broken.emit = emit_forgetful;
  return broken;
}

struct Outcome {
  int status = 0;
  std::string out;
};
Outcome verified(const Options& options, std::span<const algorithms::Algorithm> candidates) {
  testing::internal::CaptureStdout();
  const int status = verify(options, candidates);
  return {status, testing::internal::GetCapturedStdout()};
}

Options with_ranks(const char* ranks) {
  Options options;
  options.ranks = ranks;
  return options;
}

TEST(SchedVerify, AFaultIsStatusOneAndNamed) {
  const std::vector<algorithms::Algorithm> both = {forgetful(), ring()};
  const Outcome outcome = verified(with_ranks("3"), both);
  EXPECT_EQ(outcome.status, kFailed) << outcome.out;
  EXPECT_THAT(outcome.out, HasSubstr("forgetful          FAILED"));
  EXPECT_THAT(outcome.out, HasSubstr("\n  3 ranks, ")) << "where, and what";
  EXPECT_THAT(outcome.out, HasSubstr("ring               proved")) << "the others go on";
}

TEST(SchedVerify, AFaultAnywhereInARangeCounts) {
  const std::vector<algorithms::Algorithm> one = {forgetful()};
  EXPECT_EQ(verified(with_ranks("1-4"), one).status, kFailed);
}

TEST(SchedVerify, AllProvedIsStatusZero) {
  const std::vector<algorithms::Algorithm> one = {ring()};
  const Outcome outcome = verified(with_ranks("1-4"), one);
  EXPECT_EQ(outcome.status, 0) << outcome.out;
  EXPECT_THAT(outcome.out, Not(HasSubstr("FAILED")));
}

TEST(SchedVerify, WhatIsNotAskedForIsNotProved) {
  const std::vector<algorithms::Algorithm> both = {forgetful(), ring()};
  Options options = with_ranks("3");
  options.algorithm = "ring";
  EXPECT_EQ(verified(options, both).status, 0);
  options.algorithm = "quantum";
  EXPECT_EQ(verified(options, both).status, kBadInput);
}

}  // namespace
}  // namespace hfreduce::sched
