#include "planner/tuning.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "planner/planner.h"

namespace hfreduce::planner {
namespace {

using algorithms::Collective;
using testing::HasSubstr;

constexpr const char* kFile =
    "hfreduce-tuning 1\n"
    "machine a processor, 2 processors, hfreduce 100\n"
    "shape 1 2 2\n"
    "allreduce 8 one-shot 0 900\n"
    "allreduce 8 two-shot 0 400\n"
    "allreduce 1048576 two-shot 65536 90000\n"
    "allreduce 1048576 two-shot 262144 80000\n"
    "allreduce 1048576 of-another-version 1 1\n"
    "allreduce 1048576 ring 0 200000\n"
    "broadcast 8 chain 0 300\n"
    "shape 2 1 1\n"
    "allreduce 1048576 double-tree 0 5\n"
    "shape 3 1 2\n"
    "end\n";

Tuning of(const TuningFile& file, const Shape& shape) {
  const auto found = file.shapes.find(shape);
  return found == file.shapes.end() ? Tuning() : found->second;
}

Choice chosen(const Facts& facts, Collective collective, std::uint64_t bytes,
              std::string_view forced = {}) {
  const auto choice = choose(facts, {collective, bytes, forced});
  EXPECT_TRUE(choice.ok()) << choice.status().text();
  return choice.ok() ? *choice : Choice{};
}

TEST(Tuning, TheFastestThatWasMeasuredNearTheSizeIsChosen) {
  const auto file = TuningFile::parse(kFile);
  ASSERT_TRUE(file.ok()) << file.status().text();
  EXPECT_EQ(file->machine, "a processor, 2 processors, hfreduce 100");
  EXPECT_EQ(file->shapes.size(), 3u);
  const schedule::Placement placement({0, 0});
  Facts facts;
  facts.placement = &placement;
  facts.tuning = of(*file, Shape::of(placement));
  EXPECT_EQ(chosen(facts, Collective::kAllReduce, 16).algorithm->name, "two-shot");
  EXPECT_EQ(chosen(facts, Collective::kAllReduce, 2 << 20).segment_bytes, 262144u);
  EXPECT_EQ(chosen(facts, Collective::kBroadcast, 8).algorithm->name, "chain");
  // Nothing was measured near: the thresholds.
  EXPECT_EQ(chosen(facts, Collective::kBroadcast, 1 << 20).algorithm->name, "direct");
  EXPECT_EQ(chosen(facts, Collective::kAllReduce, 64 << 20).algorithm->name, "two-shot");
  // A forced one comes first, in the settings and in the call.
  facts.forced = "ring@32K";
  EXPECT_EQ(chosen(facts, Collective::kAllReduce, 8).algorithm->name, "ring");
  EXPECT_EQ(chosen(facts, Collective::kAllReduce, 8).segment_bytes, 32u << 10);
  EXPECT_EQ(chosen(facts, Collective::kAllReduce, 8, "one-shot@1K").segment_bytes, 1024u);
  // The segment that a setting asks for stands behind what is named, before what was measured.
  facts.segment_bytes = 8 << 10;
  EXPECT_EQ(chosen(facts, Collective::kAllReduce, 8, "one-shot@1K").segment_bytes, 1024u);
  EXPECT_EQ(chosen(facts, Collective::kAllReduce, 8, "one-shot").segment_bytes, 8u << 10);
  facts.forced = {};
  EXPECT_EQ(chosen(facts, Collective::kAllReduce, 2 << 20).segment_bytes, 8u << 10);
}

TEST(Tuning, WhatWasMeasuredDoesNotDecideWhereBuffersAreMapped) {
  const auto file = TuningFile::parse(kFile);
  const schedule::Placement placement({0, 0});
  Facts facts;
  facts.placement = &placement;
  facts.tuning = of(*file, Shape::of(placement));
  EXPECT_EQ(chosen(facts, Collective::kAllReduce, 1 << 20).zero_copy[0]->name, "zero-copy");
}

TEST(Tuning, WhetherPrivateMemoryIsReadByPeersIsMeasured) {
  const schedule::Placement many({0, 0, 0, 0}), two({0, 0});
  const auto facts_of = [](const schedule::Placement& placement, const char* lines) {
    Facts facts;
    facts.placement = &placement;
    facts.peer_reads = PeerReads::kGranted;
    const auto all = Tuning::parse(lines);
    EXPECT_TRUE(all.ok());
    facts.tuning = worth_taking(facts, *all);
    return facts;
  };
  Facts wins = facts_of(many,
                        "broadcast 65536 zero-copy 0 10\nbroadcast 65536 direct 32768 20\n"
                        "broadcast 65536 direct 0 30\n");
  EXPECT_EQ(chosen(wins, Collective::kBroadcast, 65536).offers_private, OffersPrivate::kAlways);
  EXPECT_EQ(chosen(wins, Collective::kBroadcast, 65536).segment_bytes, 32768u) << "else this";
  EXPECT_EQ(chosen(wins, Collective::kBroadcast, 1 << 20).offers_private, OffersPrivate::kNever)
      << "nothing was measured near";
  wins.peer_reads = PeerReads::kRefused;
  EXPECT_EQ(chosen(wins, Collective::kBroadcast, 65536).offers_private, OffersPrivate::kNever);
  const Facts loses =
      facts_of(two, "broadcast 65536 zero-copy 0 30\nbroadcast 65536 direct 32768 20\n");
  EXPECT_EQ(chosen(loses, Collective::kBroadcast, 65536).offers_private,
            OffersPrivate::kOutOfPlaceIfSlow);
}

TEST(Tuning, AnAlgorithmThatDoesNotApplyHereIsPassedOver) {
  const auto tuning = Tuning::parse("allreduce 8 one-shot 0 10\nallreduce 8 double-tree 0 20\n");
  ASSERT_TRUE(tuning.ok());
  const schedule::Placement placement({0, 1});  // no host of one
  Facts facts;
  facts.placement = &placement;
  facts.tuning = *tuning;
  EXPECT_EQ(chosen(facts, Collective::kAllReduce, 8).algorithm->name, "double-tree");
}

TEST(Tuning, WhatIsHandedToAllRanksIsTheSame) {
  const auto file = TuningFile::parse(kFile);
  const Tuning tuning = of(*file, {1, 2, 2});
  const auto again = Tuning::parse(tuning.to_text());
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->to_text(), tuning.to_text());
  EXPECT_THAT(tuning.to_text(), HasSubstr("allreduce 1048576 two-shot 262144 80000\n"));
}

TEST(Tuning, WhatIsHandedToAllRanksIsShort) {
  std::string lines;
  for (std::uint64_t bytes = 8; bytes < std::uint64_t{1} << 40; bytes += bytes / 4 + 1)
    for (const char* way : {"hierarchical-ring 262144 2", "one-shot 0 1", "two-shot 65536 3"})
      lines += "allreduce " + std::to_string(bytes) + " " + way + "000000\n";
  const auto tuning = Tuning::parse(lines);
  ASSERT_TRUE(tuning.ok());
  const schedule::Placement placement({0, 0});
  Facts facts;
  facts.placement = &placement;
  const Tuning fastest = worth_taking(facts, *tuning);
  EXPECT_LT(fastest.to_text().size(), 2000u) << "an exchange carries 4096 bytes";
  EXPECT_LT(worth_taking(facts, *tuning, 16).to_text().size(), fastest.to_text().size() / 3);
  EXPECT_EQ(fastest.nearest(Collective::kAllReduce, 1000).size(), 1u);
  EXPECT_EQ(fastest.nearest(Collective::kAllReduce, 1000)[0].algorithm->name, "one-shot");
}

TEST(Tuning, WhatIsUsualStaysUnlessAnotherIsFasterByMoreThanNoise) {
  const schedule::Placement placement({0, 0});
  Facts facts;
  facts.placement = &placement;
  const auto taken = [&](const char* lines) {
    const auto tuning = Tuning::parse(lines);
    EXPECT_TRUE(tuning.ok());
    return worth_taking(facts, *tuning).to_text();
  };
  EXPECT_EQ(taken("allreduce 8 ring 0 1000\nallreduce 8 one-shot 0 1049\n"),
            "allreduce 8 one-shot 0 1049\n");
  EXPECT_EQ(taken("allreduce 8 ring 0 1000\nallreduce 8 one-shot 0 1060\n"),
            "allreduce 8 ring 0 1000\n");
}

TEST(Tuning, DamageIsFoundWhereverItIs) {
  const std::string whole = kFile;
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(TuningFile::parse(whole.substr(0, size)).ok()) << size;
  // A byte changed: refused, or read as what it then says; never worse.
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const char byte : {'\0', '\n', 'x', '9', '\xff', '-'}) {
      std::string changed = whole;
      changed[at] = byte;
      const auto file = TuningFile::parse(changed);
      if (!file.ok()) {
        EXPECT_THAT(file.status().text(), testing::Not(HasSubstr("\xff")));
      }
    }
  }
  for (const char* line : {"allreduce", "allreduce 8", "allreduce 8 ring", "allreduce 8 ring 0",
                           "allreduce 0 ring 0 1", "allreduce 8 ring 0 0", "allreduce 8 ring -1 1",
                           "allreduce 1048576 ring 1 1", "allreduce 8 ring 0 1 1",
                           "reduce 8 ring 0 1", "allreduce 99999999999999999999999 ring 0 1"}) {
    EXPECT_THAT(Tuning::parse(line).status().text(), HasSubstr("damaged at")) << line;
  }
}

TEST(Tuning, ASegmentBehindTheNameMustBeOne) {
  const schedule::Placement placement({0, 0});
  Facts facts;
  facts.placement = &placement;
  for (const char* wrong : {"ring@", "ring@0", "ring@x", "ring@1T", "ring@512M", "@64K"}) {
    const auto choice = choose(facts, {Collective::kAllReduce, 8, wrong});
    EXPECT_EQ(choice.status().code(), Code::kInvalidArgument) << wrong;
  }
}

TEST(Tuning, ExplainedWithWhatTheOthersTook) {
  const auto file = TuningFile::parse(kFile);
  const schedule::Placement placement({0, 0});
  Facts facts;
  facts.placement = &placement;
  facts.tuning = of(*file, {1, 2, 2});
  EXPECT_EQ(explain_measured(facts, facts.tuning, Collective::kAllReduce),
            "8 B two-shot in 0.4 us (one-shot 0.9); 1 MiB two-shot in 80 us (ring 200)");
  facts.forced = "one-shot";
  EXPECT_THAT(explain_measured(facts, facts.tuning, Collective::kAllReduce),
              testing::HasSubstr("8 B one-shot in 0.9 us (two-shot 0.4)"));
}

TEST(Tuning, ExplainedInUnitsThatPeopleSay) {
  const schedule::Placement placement({0, 0});
  Facts facts;
  facts.placement = &placement;
  const auto long_calls = Tuning::parse(
      "allreduce 33554432 two-shot 0 4625042\nallreduce 33554432 ring 0 4665257000\n");
  ASSERT_TRUE(long_calls.ok()) << long_calls.status().text();
  EXPECT_EQ(explain_measured(facts, *long_calls, Collective::kAllReduce),
            "32 MiB two-shot in 4.63 ms (ring 4665)");
}

}  // namespace
}  // namespace hfreduce::planner
