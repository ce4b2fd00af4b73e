// What the verifier says about schedules that are wrong in one known way, and the text of
// schedules.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "schedule/builder.h"
#include "schedule/printer.h"
#include "schedule/verifier.h"

namespace hfreduce::schedule {
namespace {

using ::testing::HasSubstr;

const Placement& one_host() {
  static const Placement placement({0, 0});
  return placement;
}
const Placement& two_hosts() {
  static const Placement placement({0, 1});
  return placement;
}

Layout small_layout(std::int32_t slots) {
  Layout layout;
  add_area(layout, {.slots = slots});
  add_flag(layout);
  add_flag(layout);
  return layout;
}

// A right one-shot for two ranks, for `change` to spoil: stage, signal, wait, reduce both.
struct Parts {
  Event staged{0, {}};
  Places sources;
  bool complete = true, wait = true, signal = true;
  std::int32_t slots = 2, flag_in_slots = -1;
};

Verdict one_shot(const std::function<void(std::int32_t, Parts&)>& change,
                 std::vector<Call> calls = {{1}, {4}, {2, 0, true}, {3}}) {
  Subject subject;
  subject.placement = &one_host();
  subject.schedule = [&](std::int32_t rank, std::int32_t) {
    Parts parts;
    parts.sources = {slot(0, 0), slot(0, 1)};
    change(rank, parts);
    Layout layout = small_layout(parts.slots);
    layout.areas[0].flag = parts.flag_in_slots;
    Builder schedule(rank, layout);
    auto lane = schedule.lane("all");
    lane.copy(chunks(0, 1), input(rank), {slot(0, rank)});
    if (parts.signal) lane.signal(parts.staged, {1 - rank});
    if (parts.wait) lane.wait({0, {}}, {1 - rank});
    if (parts.complete)
      lane.complete(chunks(0, 1), parts.sources, {output(rank)});
    else
      lane.reduce(chunks(0, 1), parts.sources, {output(rank)});
    return schedule.finish();
  };
  return verify(subject, calls);
}

TEST(Verifier, ProvesWhatIsRight) {
  const Verdict verdict = one_shot([](std::int32_t, Parts&) {});
  EXPECT_EQ(verdict.fault, "");
  EXPECT_TRUE(verdict.races_excluded);
  EXPECT_EQ(verdict.steps, 2u * 4 * (1 + 4 + 2 + 3));
}

TEST(Verifier, NamesTheMissingAndTheDoubled) {
  const auto missing = one_shot([](std::int32_t rank, Parts& parts) {
    if (rank == 1) parts.sources = {slot(0, 1)};
  });
  EXPECT_THAT(missing.fault,
              HasSubstr("rank 1, segment 0, chunk 0: rank 0's contribution is miss"));
  const auto doubled = one_shot([](std::int32_t rank, Parts& parts) {
    if (rank == 0) parts.sources = {slot(0, 0), slot(0, 1), slot(0, 1)};
  });
  EXPECT_THAT(doubled.fault, HasSubstr("rank 1's contribution is there twice"));
}

TEST(Verifier, NoticesOrderAndCompletion) {
  const auto order = one_shot([](std::int32_t rank, Parts& parts) {
    if (rank == 1) std::swap(parts.sources[0], parts.sources[1]);
  });
  EXPECT_THAT(order.fault, HasSubstr("in another order than rank 0"));
  const auto open = one_shot([](std::int32_t, Parts& parts) { parts.complete = false; });
  EXPECT_THAT(open.fault, HasSubstr("never completed"));
}

TEST(Verifier, FindsRaces) {
  const auto unwaited = one_shot([](std::int32_t rank, Parts& parts) { parts.wait = rank != 1; });
  EXPECT_THAT(unwaited.fault, HasSubstr("race: "));
  const auto tight = one_shot([](std::int32_t, Parts& parts) { parts.slots = 1; });
  EXPECT_EQ(tight.fault.find("race: "), tight.fault.find("race: writes a slot of area 0"));
  EXPECT_THAT(tight.fault, HasSubstr("in no order with rank"));
}

TEST(Verifier, PrintsTheWaitCycle) {
  const auto silent = one_shot([](std::int32_t rank, Parts& parts) { parts.signal = rank == 0; });
  EXPECT_THAT(silent.fault, HasSubstr("deadlock; rank 0, lane \"all\", step 2"));
  EXPECT_THAT(silent.fault, HasSubstr("nobody is left to raise it"));
}

TEST(Verifier, RanksAgreeOnTheLayout) {
  const auto longer = one_shot([](std::int32_t rank, Parts& parts) { parts.slots += rank; });
  EXPECT_THAT(longer.fault, HasSubstr("ranks 0 and 1 disagree on the layout"));
  const auto elsewhere =
      one_shot([](std::int32_t rank, Parts& parts) { parts.flag_in_slots = -rank; });
  EXPECT_THAT(elsewhere.fault, HasSubstr("ranks 0 and 1 disagree on the layout"));
}

TEST(Verifier, NoticesFlagsThatDoNotGrow) {
  const auto still = one_shot([](std::int32_t, Parts& parts) { parts.staged.tick.rate = 0; });
  EXPECT_THAT(still.fault, HasSubstr("raises flag 0 to 1, which already is 1"));
}

// Rank 0 sends to a ring of slots of rank 1, which tells in every so-many-th iteration only that it
// has read them.
Verdict told_seldom(std::int32_t slots, std::int32_t lag, std::int32_t every) {
  Subject subject;
  subject.placement = &two_hosts();
  subject.reduces = false;
  subject.schedule = [=](std::int32_t rank, std::int32_t) {
    Builder schedule(rank, small_layout(slots));
    auto lane = schedule.lane("all");
    if (rank == 0)
      lane.wait({1, {}}, {1}, lag)
          .put({0, {}}, chunks(0, 1), input(0), slot(0, 1))
          .copy(chunks(0, 1), input(0), {output(0)});
    else
      lane.wait({0, {}}, {0})
          .copy(chunks(0, 1), slot(0, 1), {output(1)})
          .signal({1, {}}, {0}, every);
    return schedule.finish();
  };
  return verify(subject, std::vector<Call>{{1}, {9, 0, true}, {2}, {13}});
}

TEST(Verifier, CreditMayBeGivenSeldomAsLongAsItLasts) {
  EXPECT_EQ(told_seldom(4, 4, 1).fault, "");
  EXPECT_EQ(told_seldom(4, 4, 3).fault, "");
  EXPECT_EQ(told_seldom(4, 4, 4).fault, "");
  EXPECT_THAT(told_seldom(4, 4, 5).fault, HasSubstr("deadlock"));
  EXPECT_THAT(told_seldom(3, 4, 3).fault, HasSubstr("race: writes"));
  EXPECT_THAT(told_seldom(4, 4, 0).fault, HasSubstr("not done in every iteration"));
}

TEST(Verifier, ALinkHasTwoEnds) {
  Subject subject;
  subject.placement = &two_hosts();
  subject.reduces = false;
  subject.schedule = [](std::int32_t rank, std::int32_t) {
    Builder schedule(rank, small_layout(1));
    if (rank == 0) schedule.lane("all").signal({0, {}}, {1});
    return schedule.finish();
  };
  EXPECT_EQ(verify(subject, std::vector<Call>{{1}}).fault,
            "rank 0 uses its link to rank 1, which does not use it");
}

// Rank 0 broadcasts into rank 1's output over a posted link; what is asked for is the caller's
// rule.
Verdict landing(bool asks, bool waits, bool writes_after) {
  Subject subject;
  subject.placement = &two_hosts();
  subject.reduces = false;
  subject.schedule = [=](std::int32_t rank, std::int32_t) {
    Builder schedule(rank, small_layout(1));
    auto lane = schedule.lane("all");
    if (rank == 0) {
      if (asks) lane.wait({1, {}}, {1});
      lane.put({0, {}}, chunks(0, 1), input(0), output(1));
      lane.copy(chunks(0, 1), input(0), {output(0)});
      if (writes_after) lane.copy(chunks(0, 1), slot(0, 0), {output(0)});
    } else {
      if (asks) lane.signal({1, {}}, {0});
      if (waits) lane.wait({0, {}}, {0});
    }
    return schedule.finish();
  };
  return verify(subject, std::vector<Call>{{1}, {2, 0, true}, {1}});
}

TEST(Verifier, KeepsLinksOffCallersBuffers) {
  EXPECT_EQ(landing(true, true, false).fault, "");
  // The sender may be a call ahead: its data would land while the receiver's caller still writes.
  EXPECT_THAT(landing(false, true, false).fault, HasSubstr("race: writes the output of rank 1"));
  EXPECT_THAT(landing(true, false, false).fault, HasSubstr("could still write its output"));
  EXPECT_THAT(landing(true, true, true).fault, HasSubstr("a slot that nobody has written"));
}

// One step of rank 0 that it may not do.
std::string fault_of(const Placement& placement, const std::function<void(LaneBuilder&)>& steps) {
  Subject subject;
  subject.placement = &placement;
  subject.schedule = [&](std::int32_t rank, std::int32_t) {
    Builder schedule(rank, small_layout(1));
    auto lane = schedule.lane("all");
    if (rank == 0) steps(lane);
    return schedule.finish();
  };
  return verify(subject, std::vector<Call>{{1}}).fault;
}

TEST(Verifier, RefusesIllegalPlaces) {
  const ChunkRange all = chunks(0, 1);
  const Event flag{0, {}};
  const auto fault = [&](const Placement& placement, auto&& steps) {
    return fault_of(placement, steps);
  };
  EXPECT_THAT(fault(one_host(), [&](auto& l) { l.copy(all, input(1), {output(0)}); }),
              HasSubstr("a user buffer of another rank"));
  EXPECT_THAT(fault(one_host(), [&](auto& l) { l.put(flag, all, input(0), output(1)); }),
              HasSubstr("a put into a buffer that its link cannot reach"));
  EXPECT_THAT(fault(two_hosts(), [&](auto& l) { l.copy(all, slot(0, 1), {output(0)}); }),
              HasSubstr("a slot that is not mapped"));
  EXPECT_THAT(fault(one_host(), [&](auto& l) { l.copy(all, output(0), {input(0)}); }),
              HasSubstr("writes an input"));
  EXPECT_THAT(fault(one_host(), [&](auto& l) { l.copy(chunks(1, 1), input(0), {output(0)}); }),
              HasSubstr("chunks that there are not"));
  EXPECT_THAT(fault(one_host(), [&](auto& l) { l.copy(all, slot(1, 0), {output(0)}); }),
              HasSubstr("no such area"));
  EXPECT_THAT(fault(two_hosts(), [&](auto& l) { l.drain(flag, 1); }),
              HasSubstr("drains what its lane never puts"));
  EXPECT_THAT(fault(one_host(),
                    [&](auto& l) {
                      l.signal({7, {}}, {1});
                    }),
              HasSubstr("no such flag"));
  EXPECT_THAT(fault(one_host(), [&](auto& l) { l.signal(flag, {2}); }), HasSubstr("no such peer"));
}

TEST(Printer, IsReadable) {
  Builder schedule(1, small_layout(2));
  auto lane = schedule.lane("up");
  lane.wait({1, {.rate = 2, .offset = 1}}, {0, 2}, 2);
  lane.skew(1).repeat(3, [&] {
    lane.reduce({4, 1, -1, 4, 1}, {slot(0, 1), input(1)}, {slot(0, 2, {.stride = 0})});
  });
  lane.put({0, {}}, chunks(0, 2), output(1), output(3));
  EXPECT_EQ(to_text(schedule.finish()),
            "rank 1: chunks of a segment 1, flags 2, roundings at most 0\n"
            "  area 0: slots 2, each a segment\n"
            "  lane \"up\"\n"
            "     0     wait     flag 1@2g+1-2 from 0, 2\n"
            "     1 -1  repeat   for k = 0 .. 2\n"
            "     2 -1    reduce   chunk 4+(1-k mod 4): own area 0[g+k] + own input -> rank 2's "
            "area 0[g]\n"
            "     3 -1  put      chunks 0 and 1 more: own output -> rank 3's output, then flag "
            "0@g\n");
}

TEST(Placement, NumbersHostsAndPositions) {
  const Placement placement({9, 4, 9, 4, 7});
  EXPECT_EQ(placement.hosts(), 3);
  EXPECT_EQ(placement.members(0), (std::vector<std::int32_t>{0, 2}));
  EXPECT_EQ(placement.rank_at(1), 2);
  EXPECT_EQ(placement.position(1), 2);
  EXPECT_EQ(placement.local_rank(3), 1);
  EXPECT_EQ(placement.fewest_local(), 1);
  EXPECT_EQ(placement.most_local(), 2);
  EXPECT_TRUE(placement.mapped(1, 3));
  EXPECT_FALSE(placement.mapped(0, 1));
}

TEST(Placement, NestsGroupsInsideHosts) {
  // Host 0: {0, 2, 4, 6, 8} in caches {0, 2}, {4, 6}, {8} of packages {0, 2, 4, 6}, {8}.
  const Placement placement({0, 1, 0, 1, 0, 1, 0, 1, 0},
                            {{5, 5, 5, 5, 6, 5, 6, 5, 5}, {1, 1, 1, 1, 1, 1, 1, 1, 2}});
  ASSERT_EQ(placement.levels(), 2);
  EXPECT_EQ(placement.groups(0), 4);
  EXPECT_EQ(placement.group(0, placement.group_of(0, 2)), (Peers{0, 2}));
  EXPECT_EQ(placement.group(0, placement.group_of(0, 1)), (Peers{1, 3, 5, 7}));
  EXPECT_EQ(placement.group(1, placement.group_of(1, 6)), (Peers{0, 4, 2, 6})) << "parts in turns";
  EXPECT_EQ(placement.parts(1, placement.group_of(1, 6)).size(), 2u);
  EXPECT_EQ(placement.group(2, 0), (Peers{0, 4, 8, 2, 6})) << "8 is the middle of its part";
  EXPECT_EQ(placement.group_of(2, 3), placement.host_of(3));
  EXPECT_EQ(Placement({0, 0}, {{1, 1}, {1, 2}}).levels(), 0) << "parts none, or all";
}

// Two ranks stage, come together and claim two chunks, for `change` to spoil.
struct ClaimParts {
  bool wait = true, claim = true;
  Peers claimers{0, 1};
  Layout layout;
  Event counts{1, {}};
  ChunkRange range = chunks(0, 2);
  Reduction what{{slot(0, 0), slot(0, 1)}, {slot(0, 0), slot(0, 1)}};
};

Verdict claimed(const std::function<void(std::int32_t, ClaimParts&)>& change) {
  Subject subject;
  subject.placement = &one_host();
  subject.schedule = [&](std::int32_t rank, std::int32_t) {
    ClaimParts parts;
    parts.layout = small_layout(1);
    parts.layout.chunks = 2;
    change(rank, parts);
    Builder schedule(rank, parts.layout);
    auto lane = schedule.lane("all");
    lane.copy(chunks(0, 2), input(rank), {slot(0, rank)}).signal({0, {}}, {1 - rank});
    if (parts.wait) lane.wait({0, {}}, {1 - rank});
    if (parts.claim) lane.claim(parts.counts, parts.claimers, parts.range, parts.what);
    lane.copy(chunks(0, 2), slot(0, rank), {output(rank)});
    return schedule.finish();
  };
  const std::vector<Call> calls{{1}, {4}, {2, 0, true}, {3}};
  return verify(subject, calls);
}

TEST(Verifier, ProvesAClaimWhoeverMakesIt) {
  EXPECT_EQ(claimed([](std::int32_t, ClaimParts&) {}).fault, "");
  // Who has not waited may be the one that claims, whoever it is in a run.
  for (const std::int32_t who : {0, 1})
    EXPECT_THAT(
        claimed([&](std::int32_t rank, ClaimParts& parts) { parts.wait = rank != who; }).fault,
        HasSubstr("in no order with"))
        << who;
}

TEST(Verifier, ClaimsMustBeTheSameOnAllWhoMayClaim) {
  const auto fault = [](auto&& change) {
    return claimed([&](std::int32_t rank, ClaimParts& parts) {
             if (rank == 1) change(parts);
           })
        .fault;
  };
  const auto differ = HasSubstr("do not claim the same work by flag 1");
  EXPECT_THAT(fault([](ClaimParts& parts) { parts.claim = false; }), differ);
  EXPECT_THAT(fault([](ClaimParts& parts) { parts.claimers = {1, 0}; }), differ);
  EXPECT_THAT(fault([](ClaimParts& parts) { parts.range = chunks(0, 1); }), differ);
  EXPECT_THAT(fault([](ClaimParts& parts) { parts.what.sources.pop_back(); }), differ);
  EXPECT_THAT(fault([](ClaimParts& parts) { parts.claimers = {0}; }),
              HasSubstr("claims what is for others to claim"));
}

TEST(Verifier, ClaimsHaveAFlagOfTheirOwnAndWholeSegments) {
  const auto fault = [](auto&& change) {
    return claimed([&](std::int32_t, ClaimParts& parts) { change(parts); }).fault;
  };
  EXPECT_THAT(fault([](ClaimParts& parts) { parts.counts.flag = 0; }),
              HasSubstr("used for something else"));
  EXPECT_THAT(fault([](ClaimParts& parts) { parts.counts.tick.rate = 2; }),
              HasSubstr("another tick than the iteration"));
  EXPECT_THAT(fault([](ClaimParts& parts) {
                parts.layout.areas[0] = {.slots = 1, .unit = Area::Unit::kChunk, .chunks = 2};
              }),
              HasSubstr("a slot that holds no segment"));
}

}  // namespace
}  // namespace hfreduce::schedule
