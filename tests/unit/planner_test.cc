#include "planner/planner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hfreduce::planner {
namespace {

using algorithms::Collective;

constexpr std::uint64_t kMost = std::uint64_t{4} << 30;

void always_finds(const schedule::Placement& placement) {
  Facts facts;
  facts.placement = &placement;
  for (const Collective collective : {Collective::kAllReduce, Collective::kBroadcast}) {
    for (std::uint64_t bytes = 1; bytes <= kMost; bytes *= 2) {
      const auto choice = choose(facts, {collective, bytes, {}});
      ASSERT_TRUE(choice.ok()) << choice.status().to_string();
      EXPECT_TRUE(choice->algorithm->applies(placement));
      EXPECT_EQ(choice->algorithm->collective, collective);
      EXPECT_GT(choice->segment_bytes, 0u);
      EXPECT_LE(choice->segment_bytes, segment_capacity(*choice->algorithm, placement));
    }
  }
}

// For every placement and size there is an algorithm that applies, with a segment that its slots
// can take.
TEST(Planner, AlwaysFindsAnAlgorithmThatApplies) {
  for (const std::vector<std::int32_t>& hosts :
       std::vector<std::vector<std::int32_t>>{{0, 0},
                                              {0, 0, 0, 0, 0, 0, 0, 0},
                                              {0, 1},
                                              {0, 0, 1},
                                              {0, 1, 1, 2, 2, 2},
                                              std::vector<std::int32_t>(100, 0)}) {
    std::vector<std::int32_t> parity;
    for (std::size_t rank = 0; rank < hosts.size(); ++rank) parity.push_back(rank % 2);
    for (const schedule::Placement& placement :
         {schedule::Placement(hosts), schedule::Placement(hosts, {parity})})
      always_finds(placement);
  }
}

TEST(Planner, HostsAreJoinedHierarchicallyOnlyWhereOneHasSeveralRanks) {
  const schedule::Placement apart({0, 1, 2}), mixed({0, 0, 1, 2}), two({0, 0, 1});
  Facts facts;
  facts.placement = &apart;
  EXPECT_EQ(choose(facts, {Collective::kAllReduce, 1 << 20, {}})->algorithm->name, "ring");
  facts.placement = &mixed;
  EXPECT_EQ(choose(facts, {Collective::kAllReduce, 1 << 20, {}})->algorithm->name,
            "hierarchical-ring");
  facts.placement = &two;
  EXPECT_EQ(choose(facts, {Collective::kAllReduce, 1 << 20, {}})->algorithm->name,
            "hierarchical-tree");
}

TEST(Planner, FollowsGroupsWhereTheyPay) {
  const schedule::Placement grouped({0, 0, 0, 0, 0, 0}, {{0, 0, 0, 1, 1, 1}}),
      pairs({0, 0, 0, 0}, {{0, 0, 1, 1}}), plain({0, 0, 0, 0});
  Facts facts;
  facts.placement = &grouped;
  const auto name = [&](Collective collective, std::uint64_t bytes) {
    return choose(facts, {collective, bytes, {}})->algorithm->name;
  };
  EXPECT_EQ(name(Collective::kAllReduce, 16 << 10), "two-shot");
  EXPECT_EQ(name(Collective::kAllReduce, 32 << 10), "grouped");
  EXPECT_EQ(name(Collective::kBroadcast, 16 << 10), "direct");
  EXPECT_EQ(name(Collective::kBroadcast, 32 << 10), "grouped");
  EXPECT_THAT(explain(facts, Collective::kAllReduce), testing::HasSubstr("then grouped"));
  EXPECT_THAT(explain_grouping(facts), testing::HasSubstr("from 32 KiB on"));
  facts.crowded = true;
  EXPECT_EQ(name(Collective::kAllReduce, 512 << 10), "claimed");
  EXPECT_EQ(name(Collective::kAllReduce, 1 << 20), "grouped");
  EXPECT_THAT(explain_grouping(facts), testing::HasSubstr("fewer cores than ranks"));
  facts.placement = &pairs;
  EXPECT_EQ(name(Collective::kAllReduce, 1 << 20), "two-shot");
  EXPECT_THAT(explain_grouping(facts), testing::HasSubstr("fewer than 3 ranks a group"));
  EXPECT_TRUE(choose(facts, {Collective::kAllReduce, 1 << 20, "grouped"}).ok()) << "if forced";
  facts.placement = &plain;
  EXPECT_EQ(name(Collective::kAllReduce, 1 << 20), "two-shot");
  EXPECT_EQ(explain_grouping(facts), "");
  const auto refused = choose(facts, {Collective::kAllReduce, 1 << 20, "grouped"});
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.status().text(), testing::HasSubstr("with groups of ranks"));
}

// What ranks of a host pass on to each other fills their slots, since each segment costs them turns
// of the scheduler; ranks that are alone have no use for that.
TEST(Planner, SegmentsBetweenHosts) {
  const auto segment = [](std::int32_t hosts, std::int32_t each, Collective collective) {
    std::vector<std::int32_t> host_of;
    for (std::int32_t rank = 0; rank < hosts * each; ++rank) host_of.push_back(rank / each);
    const schedule::Placement placement(host_of);
    Facts facts;
    facts.placement = &placement;
    return choose(facts, {collective, 64 << 20, {}})->segment_bytes >> 10;
  };
  EXPECT_EQ(segment(2, 2, Collective::kAllReduce), 512u);
  EXPECT_EQ(segment(32, 2, Collective::kAllReduce), 512u);  // a tree
  EXPECT_EQ(segment(4, 2, Collective::kBroadcast), 512u);
  EXPECT_EQ(segment(2, 1, Collective::kBroadcast), 256u);
}

// Every mate of a host sends everything in each round of doubling: what they send together counts.
TEST(Planner, DoublingEndsSoonerTheMoreRanksAHostHas) {
  const auto name = [](std::int32_t each, std::uint64_t bytes) {
    std::vector<std::int32_t> host_of;
    for (std::int32_t rank = 0; rank < 4 * each; ++rank) host_of.push_back(rank / each);
    const schedule::Placement placement(host_of);
    Facts facts;
    facts.placement = &placement;
    return choose(facts, {Collective::kAllReduce, bytes, {}})->algorithm->name;
  };
  EXPECT_EQ(name(1, 32 << 10), "recursive-doubling");
  EXPECT_EQ(name(2, 32 << 10), "recursive-doubling");
  EXPECT_EQ(name(2, 64 << 10), "hierarchical-tree");
  EXPECT_EQ(name(8, 8 << 10), "recursive-doubling");
  EXPECT_EQ(name(8, 16 << 10), "hierarchical-tree");
}

// A segment's hand-over costs as much as copying 8 KiB, so a broadcast has no smaller ones for the
// sake of overlap; an allreduce in two shots has fewer yet.
TEST(Planner, SegmentsInsideAHost) {
  const schedule::Placement placement({0, 0});
  Facts facts;
  facts.placement = &placement;
  const auto segment = [&](Collective collective, std::uint64_t bytes) {
    return choose(facts, {collective, bytes, {}})->segment_bytes >> 10;
  };
  for (const std::uint64_t bytes :
       {std::uint64_t{4} << 10, std::uint64_t{64} << 10, std::uint64_t{1} << 20})
    EXPECT_EQ(segment(Collective::kBroadcast, bytes), 32u) << bytes;
  EXPECT_EQ(segment(Collective::kAllReduce, 64 << 10), 64u);
  EXPECT_EQ(segment(Collective::kAllReduce, 64 << 20), 256u);
}

TEST(Planner, FewBytesAreBroadcastUnasked) {
  const schedule::Placement placement({0, 0, 1, 1});
  Facts facts;
  facts.placement = &placement;
  const auto choice = [&](std::uint64_t bytes) {
    return *choose(facts, {Collective::kBroadcast, bytes, {}});
  };
  EXPECT_EQ(choice(8).algorithm->name, "binomial");
  EXPECT_EQ(choice(32 << 10).algorithm->name, "binomial");
  EXPECT_EQ(choice(32 << 10).segment_bytes, 16u << 10);
  EXPECT_EQ(choice(33 << 10).algorithm->name, "hierarchical-chain");
}

TEST(Planner, ManyHostsGetTrees) {
  std::vector<std::int32_t> hosts(100);
  for (std::size_t i = 0; i < hosts.size(); ++i) hosts[i] = static_cast<std::int32_t>(i);
  const schedule::Placement placement(hosts);
  Facts facts;
  facts.placement = &placement;
  EXPECT_EQ(choose(facts, {Collective::kAllReduce, 64 << 20, {}})->algorithm->name, "double-tree");
}

TEST(Planner, AForcedNameMustExistAndApplyButASettingIsPassedOverWhereItDoesNot) {
  const schedule::Placement placement({0, 1});
  Facts facts;
  facts.placement = &placement;
  EXPECT_EQ(choose(facts, {Collective::kAllReduce, 8, "double-tree"})->algorithm->name,
            "double-tree");
  EXPECT_EQ(choose(facts, {Collective::kAllReduce, 8, "two-shot"}).status().code(),
            Code::kInvalidArgument);
  EXPECT_THAT(choose(facts, {Collective::kAllReduce, 8, "two-shot"}).status().text(),
              testing::HasSubstr("2 hosts"));
  EXPECT_THAT(choose(facts, {Collective::kAllReduce, 8, "x"}).status().text(),
              testing::HasSubstr("does not exist"));
  facts.forced = "chain";
  EXPECT_EQ(choose(facts, {Collective::kBroadcast, 8, {}})->algorithm->name, "chain");
  EXPECT_TRUE(choose(facts, {Collective::kAllReduce, 8, {}}).ok());
  EXPECT_EQ(explain_forced(facts),
            " HFREDUCE_ALGORITHM=chain decides broadcasts, whatever is faster.");
  facts.forced = "two-shot@64K";  // not between hosts
  EXPECT_TRUE(choose(facts, {Collective::kAllReduce, 8, {}}).ok());
  EXPECT_THAT(explain_forced(facts), testing::HasSubstr("two-shot@64K has no effect"));
}

TEST(Planner, AForcedNameThatDoesNotExistIsRefused) {
  EXPECT_TRUE(check_forced("").ok());
  EXPECT_TRUE(check_forced("ring@64K").ok());
  EXPECT_THAT(check_forced("rings").text(), testing::HasSubstr("no algorithm 'rings'"));
  EXPECT_EQ(check_forced("ring@").code(), Code::kInvalidArgument);
}

TEST(Planner, LeadersAreAsManyAsWantedAndThere) {
  const schedule::Placement lonely({0, 0, 0, 1}), full({0, 0, 0, 1, 1, 1});
  const auto leaders = [](const schedule::Placement& placement, std::int32_t wanted) {
    Facts facts;
    facts.placement = &placement;
    facts.leaders = wanted;
    return choose_leaders(facts, Collective::kAllReduce);
  };
  EXPECT_EQ(leaders(lonely, 0), 1);
  EXPECT_EQ(leaders(full, 0), 2);
  EXPECT_EQ(leaders(full, 1), 1);
  EXPECT_EQ(leaders(full, 64), 3);
}

// Of hosts that share a machine's cores one rank each sends an allreduce's messages, up a tree.
TEST(Planner, CrowdedHostsSendFewerMessages) {
  const schedule::Placement two({0, 0, 1, 1}), four({0, 0, 1, 1, 2, 2, 3, 3}), lone({0, 1, 2, 3});
  Facts facts;
  const auto name = [&](const schedule::Placement& placement) {
    facts.placement = &placement;
    return choose(facts, {Collective::kAllReduce, 4 << 20, {}})->algorithm->name;
  };
  EXPECT_EQ(name(four), "hierarchical-ring");
  EXPECT_EQ(choose_leaders(facts, Collective::kAllReduce), 2);
  facts.crowded = true;
  EXPECT_EQ(name(lone), "ring");
  EXPECT_EQ(explain_crowd(facts), "");
  EXPECT_EQ(name(two), "hierarchical-tree");
  EXPECT_EQ(choose_leaders(facts, Collective::kAllReduce), 2);
  EXPECT_EQ(name(four), "hierarchical-tree");
  EXPECT_EQ(choose_leaders(facts, Collective::kAllReduce), 1);
  EXPECT_EQ(choose_leaders(facts, Collective::kBroadcast), 2);
  EXPECT_THAT(explain_crowd(facts), testing::HasSubstr("a tree led by 1 of each host"));
  facts.leaders = 2;
  EXPECT_EQ(choose_leaders(facts, Collective::kAllReduce), 2) << "as wanted";
}

TEST(Planner, ExplainNamesWhatItWouldChooseInOrder) {
  const schedule::Placement placement({0, 0});
  Facts facts;
  facts.placement = &placement;
  EXPECT_EQ(explain(facts, Collective::kAllReduce),
            "one-shot up to 256 B, then alternating up to 8 KiB, then two-shot");
}

TEST(Planner, SlotsChangeHandsBetweenTwoRanksOfOneHost) {
  const schedule::Placement two({0, 0}), three({0, 0, 0}), apart({0, 1});
  Facts facts;
  facts.placement = &two;
  const auto name = [&](std::uint64_t bytes) {
    return choose(facts, {Collective::kAllReduce, bytes, {}})->algorithm->name;
  };
  EXPECT_EQ(name(511), "one-shot");
  EXPECT_EQ(name(512), "alternating");
  EXPECT_EQ(name(8 << 10), "alternating");
  EXPECT_EQ(name((8 << 10) + 1), "two-shot");
  EXPECT_EQ(choose(facts, {Collective::kAllReduce, 4 << 10, {}})->zero_copy[0], nullptr);
  EXPECT_NE(choose(facts, {Collective::kAllReduce, 8 << 10, {}})->zero_copy[0], nullptr);
  facts.crowded = true;
  EXPECT_EQ(name(8 << 10), "alternating") << "one rendezvous is all that claiming has, too";
  EXPECT_EQ(name(16 << 10), "claimed");
  for (const schedule::Placement* others : {&three, &apart}) {
    facts.placement = others;
    EXPECT_NE(name(1 << 10), "alternating");
    const auto refused = choose(facts, {Collective::kAllReduce, 1 << 10, "alternating"});
    ASSERT_FALSE(refused.ok());
    EXPECT_THAT(refused.status().text(), testing::HasSubstr("it takes two on one"));
  }
}

TEST(Planner, WorkIsClaimedWhereRanksShareCores) {
  const schedule::Placement placement({0, 0, 0, 0});
  Facts facts;
  facts.placement = &placement;
  facts.crowded = true;
  EXPECT_EQ(explain(facts, Collective::kAllReduce),
            "one-shot up to 2 KiB, then claimed up to 512 KiB, then two-shot");
  const auto mapped = [&](Collective collective, std::uint64_t bytes, std::string_view name = {}) {
    return choose(facts, {collective, bytes, name})->zero_copy[0]->name;
  };
  EXPECT_EQ(mapped(Collective::kAllReduce, 4096), "zero-copy-claimed");
  EXPECT_EQ(mapped(Collective::kAllReduce, 1 << 20), "zero-copy");
  EXPECT_EQ(mapped(Collective::kAllReduce, 4096, "zero-copy"), "zero-copy");
  EXPECT_EQ(mapped(Collective::kAllReduce, 1 << 20, "zero-copy-claimed"), "zero-copy-claimed");
  EXPECT_EQ(mapped(Collective::kBroadcast, 4096), "zero-copy");
  const auto segment = [&](std::uint64_t bytes) {
    return choose(facts, {Collective::kAllReduce, bytes, {}})->segment_bytes >> 10;
  };
  EXPECT_EQ(segment(64 << 10), 32u);
  EXPECT_EQ(segment(512 << 10), 128u);
  facts.crowded = false;
  EXPECT_EQ(mapped(Collective::kAllReduce, 4096), "zero-copy");
}

// The names of what is tried in turn where buffers may be mapped.
std::vector<std::string_view> tried(const Facts& facts, std::uint64_t bytes,
                                    std::string_view forced = {}) {
  const auto choice = choose(facts, {Collective::kBroadcast, bytes, forced});
  EXPECT_TRUE(choice.ok()) << choice.status().to_string();
  std::vector<std::string_view> names;
  for (const algorithms::Algorithm* way : choice->zero_copy)
    if (way != nullptr) names.push_back(way->name);
  return names;
}

TEST(Planner, ABroadcastIsSharedWhereAllAreMappedAndReadWhereTheRootIs) {
  using testing::ElementsAre;
  const schedule::Placement placement({0, 0, 0, 0});
  Facts facts;
  facts.placement = &placement;
  EXPECT_THAT(tried(facts, 2 << 10), ElementsAre());
  EXPECT_THAT(tried(facts, 8 << 10), ElementsAre("zero-copy"));
  EXPECT_THAT(tried(facts, 16 << 10), ElementsAre("zero-copy-shared", "zero-copy"));
  EXPECT_THAT(tried(facts, 1, "zero-copy-shared"), ElementsAre("zero-copy-shared"));
  EXPECT_THAT(tried(facts, 1 << 20, "zero-copy"), ElementsAre("zero-copy"));
  facts.crowded = true;
  EXPECT_THAT(tried(facts, 256 << 10), ElementsAre("zero-copy"));
  EXPECT_THAT(tried(facts, 512 << 10), ElementsAre("zero-copy-shared", "zero-copy"));
}

OffersPrivate offers(const Facts& facts, std::uint64_t bytes, std::string_view forced = {},
                     Collective collective = Collective::kBroadcast) {
  const auto choice = choose(facts, {collective, bytes, forced});
  EXPECT_TRUE(choice.ok()) << choice.status().to_string();
  return choice.ok() ? choice->offers_private : OffersPrivate::kNever;
}

TEST(Planner, PrivateMemoryIsOfferedWhereOneReaderGains) {
  const schedule::Placement two({0, 0}), three({0, 0, 0});
  Facts facts;
  facts.placement = &two;
  facts.peer_reads = PeerReads::kGranted;
  EXPECT_EQ(offers(facts, kPeerReadsFrom - 1), OffersPrivate::kNever);
  EXPECT_EQ(offers(facts, kPeerReadsFrom), OffersPrivate::kIfSlow);
  EXPECT_EQ(offers(facts, kPeerReadsInPlaceUpTo), OffersPrivate::kIfSlow);
  EXPECT_EQ(offers(facts, kPeerReadsInPlaceUpTo + 1), OffersPrivate::kOutOfPlaceIfSlow);
  EXPECT_EQ(offers(facts, kPeerReadsFrom, {}, Collective::kAllReduce), OffersPrivate::kNever);
  EXPECT_EQ(offers(facts, kPeerReadsFrom, "direct"), OffersPrivate::kNever);
  EXPECT_EQ(offers(facts, 1, "zero-copy"), OffersPrivate::kAlways) << "whatever the size";
  facts.peer_reads = PeerReads::kShared;
  EXPECT_EQ(offers(facts, kPeerReadsFrom), OffersPrivate::kNever) << "ranks share a core";
  EXPECT_EQ(offers(facts, 1, "zero-copy"), OffersPrivate::kAlways);
  facts.peer_reads = PeerReads::kRefused;
  EXPECT_EQ(offers(facts, kPeerReadsFrom), OffersPrivate::kNever);
  EXPECT_EQ(offers(facts, 1, "zero-copy"), OffersPrivate::kNever);
  facts.peer_reads = PeerReads::kGranted;
  facts.placement = &three;
  EXPECT_EQ(offers(facts, kPeerReadsFrom), OffersPrivate::kNever) << "two readers at once";
  EXPECT_EQ(offers(facts, 1, "zero-copy"), OffersPrivate::kAlways);
}

}  // namespace
}  // namespace hfreduce::planner
