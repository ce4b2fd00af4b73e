// The parts of the bootstrap that need no sockets: ids, addresses, proofs, frames, exchanges among
// two thousand ranks, reports, questions.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <algorithm>
#include <deque>
#include <thread>

#include "bootstrap/exchange.h"
#include "bootstrap/frame.h"
#include "bootstrap/handshake.h"
#include "bootstrap/inquiry.h"
#include "bootstrap/report.h"
#include "bootstrap/this_host.h"
#include "bootstrap/tree_shape.h"
#include "bootstrap/unique_id.h"

namespace hfreduce::bootstrap {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Address address(const char* text) {
  auto found = resolve(text, 0);
  EXPECT_TRUE(found.ok()) << found.status().text();
  return found->front();
}

TEST(Address, TextsAndPackingBothFamilies) {
  for (const char* text : {"10.0.0.1:4711", "[fd00::17]:1", "[::1]:65535", "127.0.0.1:1"}) {
    const Address parsed = address(text);
    EXPECT_EQ(parsed.to_string(), text);
    EXPECT_EQ(parsed.pack().size(), 19u);
    EXPECT_EQ(Address::unpack(parsed.pack())->to_string(), text);
  }
  EXPECT_EQ(address("[::ffff:10.0.0.1]:7").to_string(), "10.0.0.1:7") << "mapped means IPv4";
  EXPECT_EQ(resolve("fd00::17", 99)->front().to_string(), "[fd00::17]:99");
  EXPECT_TRUE(address("[::1]:5").loopback());
  EXPECT_TRUE(address("127.1.2.3:5").loopback());
  EXPECT_FALSE(address("10.0.0.1:5").loopback());
  for (const char* bad : {"a:b", ":5", "[::1", "10.0.0.1:70000", "[::1]x", ""}) {
    EXPECT_FALSE(resolve(bad, 0).ok()) << bad;
  }
}

TEST(Address, LoopbackMeansTheRendezvousHost) {
  const Address root = address("10.0.0.1:99"), here = address("10.0.0.2:50");
  const Address loop = address("127.0.0.1:77"), far = address("10.0.0.3:5");
  EXPECT_EQ(seen_from_here(loop, here, root).to_string(), "10.0.0.1:77");
  EXPECT_EQ(seen_from_here(loop, loop, root).to_string(), "127.0.0.1:77");
  EXPECT_EQ(seen_from_here(far, here, root).to_string(), "10.0.0.3:5");
}

TEST(Address, TheInterfaceCanBeChosen) {
  const auto all = local_addresses("");
  ASSERT_TRUE(all.ok()) << all.status().text();
  EXPECT_TRUE(local_addresses("lo")->front().loopback());
  EXPECT_TRUE(local_addresses("127.0.0.1")->front().loopback());
  EXPECT_THAT(local_addresses("no-such").status().text(), HasSubstr("HFREDUCE_INTERFACE=no-such"));
}

TEST(UniqueId, RoundTripAndRefusal) {
  UniqueId id;
  id.job.fill(3);
  id.secret.fill(9);
  id.addresses = {address("10.0.0.1:4711"), address("[fd00::17]:4711")};
  auto packed = id.pack();
  const auto again = UniqueId::unpack(packed);
  ASSERT_TRUE(again.ok()) << again.status().text();
  EXPECT_EQ(again->job, id.job);
  EXPECT_EQ(again->secret, id.secret);
  ASSERT_EQ(again->addresses.size(), 2u);
  EXPECT_EQ(again->addresses[1].to_string(), "[fd00::17]:4711");
  for (const std::size_t at : {0u, 4u, 30u, 60u, 100u, 127u}) {
    auto garbled = packed;
    garbled[at] ^= 1;
    EXPECT_EQ(UniqueId::unpack(garbled).status().code(), Code::kInvalidArgument) << at;
  }
  packed.fill(0);
  EXPECT_THAT(UniqueId::unpack(packed).status().text(), HasSubstr("zero"));
}

TEST(Handshake, ProofsDependOnEverythingAndOnTheSide) {
  Hello hello;
  hello.job.fill(1);
  hello.rank = 2;
  hello.ranks = 8;
  hello.nonce.fill(7);
  Secret secret{}, other{};
  other[0] = 1;
  Hash nonce{};
  const Hash proof = joiner_proof(secret, hello, nonce);
  EXPECT_TRUE(equal(proof, joiner_proof(secret, hello, nonce)));
  EXPECT_FALSE(equal(proof, listener_proof(secret, hello, nonce)));
  EXPECT_FALSE(equal(proof, joiner_proof(other, hello, nonce)));
  const auto differs = [&](auto&& change) {
    Hello changed = hello;
    change(changed);
    EXPECT_FALSE(equal(proof, joiner_proof(secret, changed, nonce)));
  };
  differs([](Hello& h) { h.rank = 3; });
  differs([](Hello& h) { h.ranks = 9; });
  differs([](Hello& h) { h.target = 0; });
  differs([](Hello& h) { h.lane = 1; });
  differs([](Hello& h) { h.purpose = Purpose::kData; });
  differs([](Hello& h) { h.job[15] = 0; });
  differs([](Hello& h) { h.nonce[31] = 0; });
  nonce[0] = 1;
  EXPECT_FALSE(equal(proof, joiner_proof(secret, hello, nonce)));
}

TEST(Frames, OversizeAndUnknownTypesAreRefusedByTheirHeader) {
  for (const std::string& header :
       {Writer().u32(kMostPayload + 1).u32(5).take(), Writer().u32(0).u32(12).take(),
        Writer().u32(0).u32(0).take(), Writer().u32(0).u32(0x105).take()}) {
    FrameSplitter splitter;
    splitter.feed(header);
    EXPECT_EQ(splitter.next().status().code(), Code::kProtocolError);
  }
  FrameSplitter splitter;
  splitter.feed(encode(Frame{FrameType::kLeave, std::string(kMostPayload, 'x')}));
  EXPECT_EQ((*splitter.next())->payload.size(), kMostPayload);
  EXPECT_FALSE(splitter.next()->has_value());
}

TEST(Ranks, SetsMergeAndPrint) {
  RankSet set;
  for (const int rank : {5, 0, 2, 1, 9, 6}) set.add(rank);
  EXPECT_EQ(set.to_string(), "0-2, 5, 6, 9");
  EXPECT_EQ(set.complement(11).to_string(), "3, 4, 7, 8, 10");
  EXPECT_TRUE(set.contains(6));
  EXPECT_FALSE(set.contains(7));
  set.add(set.complement(11));
  EXPECT_EQ(set.to_string(), "0-10");
  RankSet many;
  for (int rank = 0; rank < 60; rank += 2) many.add(rank);
  EXPECT_THAT(many.to_string(), HasSubstr("30 and 14 more"));
  Writer writer;
  many.write(writer);
  const std::string bytes = writer.take();
  Reader reader(bytes), small(bytes);
  RankSet read;
  EXPECT_TRUE(read.read(reader, 60) && reader.done());
  EXPECT_EQ(read, many);
  EXPECT_FALSE(read.read(small, 50)) << "ranks beyond the job";
}

TEST(Tree, EveryRankHasOneParentAndIsItsChild) {
  constexpr std::int32_t kRanks = 10'007;
  std::vector<int> seen(kRanks);
  for (std::int32_t rank = 0; rank < kRanks; ++rank) {
    for (const std::int32_t child : children_of(rank, kRanks)) {
      EXPECT_EQ(parent_of(child), rank);
      EXPECT_TRUE(is_below(child, rank) && is_below(child, 0) && !is_below(rank, child));
      ++seen[static_cast<std::size_t>(child)];
    }
  }
  EXPECT_EQ(std::count(seen.begin(), seen.end(), 1), kRanks - 1);
}

// All ranks' exchanges, with messages carried by hand.
class ExchangeWorld {
 public:
  explicit ExchangeWorld(std::int32_t ranks) {
    for (std::int32_t rank = 0; rank < ranks; ++rank) nodes_.emplace_back(rank, ranks);
  }
  Exchange& operator[](std::int32_t rank) { return nodes_[static_cast<std::size_t>(rank)]; }
  void run() {
    const auto ranks = static_cast<std::int32_t>(nodes_.size());
    for (bool moved = true; moved;) {
      moved = false;
      for (std::int32_t rank = ranks - 1; rank >= 0; --rank) moved |= carry(rank, ranks);
    }
  }
  std::size_t largest = 0;

 private:
  bool carry(std::int32_t rank, std::int32_t ranks) {
    bool moved = false;
    while (auto entries = (*this)[rank].next_up()) {
      moved = true;
      largest = std::max(largest, encode(*entries).size());
      EXPECT_TRUE((*this)[parent_of(rank)].from_child(rank, std::move(*entries)).ok());
      (*this)[rank].credit_from_parent();
    }
    for (const std::int32_t child : children_of(rank, ranks)) {
      int unread = 0;
      while (auto entries = (*this)[rank].next_down(child)) {
        moved = true;
        EXPECT_LE(++unread, Exchange::kCredit);
        largest = std::max(largest, encode(*entries).size());
        EXPECT_TRUE((*this)[child].from_parent(std::move(*entries)).ok());
      }
      for (; unread > 0; --unread) (*this)[rank].credit_from_child(child);
    }
    return moved;
  }
  std::deque<Exchange> nodes_;
};

TEST(Exchange, TwoThousandRanksInBoundedFrames) {
  constexpr std::int32_t kRanks = 2'000;
  ExchangeWorld world(kRanks);
  for (std::int32_t rank = 0; rank < kRanks; ++rank) {
    world[rank].contribute(0, std::to_string(rank) + std::string(100, 'x'));
  }
  world.run();
  EXPECT_LE(world.largest, 20'480u);
  for (const std::int32_t rank : {0, 1, 33, 1999}) {
    ASSERT_TRUE(world[rank].complete(0)) << rank;
    const auto book = world[rank].take(0);
    EXPECT_EQ(book[1'777], "1777" + std::string(100, 'x'));
  }
}

TEST(Exchange, IsCompleteOnlyWhenTheChildrenHaveIt) {
  Exchange top(0, 2), child(1, 2);
  top.contribute(0, "a");
  child.contribute(0, "b");
  EXPECT_EQ(top.missing(0).to_string(), "1");
  ASSERT_TRUE(top.from_child(1, *child.next_up()).ok());
  EXPECT_FALSE(top.complete(0));
  const auto down = top.next_down(1);
  ASSERT_TRUE(down.has_value());
  EXPECT_FALSE(top.complete(0)) << "the child has not said that it has it";
  top.credit_from_child(1);
  EXPECT_TRUE(top.complete(0));
}

TEST(Exchange, NonsenseIsAnError) {
  Exchange node(1, 100);
  EXPECT_FALSE(node.from_child(33, {0, {{34, "not below 33"}}}).ok());
  EXPECT_FALSE(node.from_child(33, {0, {{-1, ""}}}).ok());
  EXPECT_FALSE(node.from_child(33, {0, {{100, ""}}}).ok());
  EXPECT_TRUE(node.from_child(33, {0, {{33, "once"}}}).ok());
  EXPECT_FALSE(node.from_child(33, {0, {{33, "twice"}}}).ok());
  EXPECT_FALSE(node.from_child(33, {2, {{33, "too early"}}}).ok());
  EXPECT_TRUE(node.from_parent({0, {{7, "x"}}}).ok());
  EXPECT_FALSE(node.from_parent({0, {{7, "x"}}}).ok());
  EXPECT_FALSE(node.from_parent({0, {{100, "x"}}}).ok());
}

Stand stand(Stand::Phase phase, std::uint32_t fingerprint, std::initializer_list<int> ranks) {
  Stand result;
  result.phase = phase;
  result.fingerprint = fingerprint;
  result.description = fingerprint == 0 ? "" : "call " + std::to_string(fingerprint);
  for (const int rank : ranks) result.ranks.add(rank);
  return result;
}

Judgement judged(std::initializer_list<Stand> stands, std::int32_t ranks) {
  Report report;
  for (const Stand& each : stands) report.add(each);
  return judge(report, 9, ranks, [](std::int32_t rank) { return "rank " + std::to_string(rank); });
}

TEST(Judgement, AbsentAreThoseWhoHaveNotCalledOrNotAnswered) {
  using enum Stand::Phase;
  const auto judgement =
      judged({stand(kActive, 5, {0, 1}), stand(kDone, 5, {2}), stand(kNotStarted, 0, {3})}, 6);
  EXPECT_TRUE(judgement.failure.ok());
  EXPECT_EQ(judgement.absent.to_string(), "3-5");
}

Stand behind(Stand::Phase phase, std::uint64_t called, std::initializer_list<int> ranks) {
  Stand result = stand(phase, 0, ranks);
  result.called = called;
  return result;
}

TEST(Judgement, WhoIsHeldUpByAnotherRankIsNotToBlame) {
  using enum Stand::Phase;
  const auto absent = [](std::initializer_list<Stand> stands, std::int32_t ranks) {
    return judged(stands, ranks).absent.to_string();
  };
  const Stand root = stand(kActive, 5, {0});  // went ahead: its broadcast needed nobody's answer
  EXPECT_EQ(absent({root, behind(kHeldUp, 8, {1, 2}), behind(kNotStarted, 7, {3})}, 4), "3");
  EXPECT_EQ(absent({root, behind(kHeldUp, 8, {1, 2})}, 4), "3") << "does not answer";
  EXPECT_EQ(absent({root, behind(kNotStarted, 8, {1}), behind(kNotStarted, 7, {2, 3})}, 4), "2, 3");
  EXPECT_EQ(absent({root, behind(kNotStarted, 8, {1}), behind(kHeldUp, 7, {2})}, 3), "2")
      << "it started a request and no more";
  EXPECT_EQ(absent({root, behind(kHeldUp, 8, {1, 2, 3})}, 4), "1-3") << "somebody has to be";
}

TEST(Judgement, OfVeryManyStandsNobodyWhoIsBehindGetsLost) {
  using enum Stand::Phase;
  Report report;
  report.add(stand(kActive, 5, {0}));
  for (int rank = 1; rank <= 40; ++rank) {
    report.add(behind(kNotStarted, static_cast<std::uint64_t>(50 - rank), {rank}));
  }
  EXPECT_TRUE(judge(report, 60, 41, [](std::int32_t) { return ""; }).absent.contains(40));
}

TEST(Judgement, TheOddRanksAreNamed) {
  using enum Stand::Phase;
  const auto one = judged({stand(kActive, 5, {0, 1, 2}), stand(kDone, 6, {3})}, 4);
  EXPECT_EQ(one.failure.code(), Code::kMismatch);
  EXPECT_EQ(one.failure.detail().rank, 3);
  EXPECT_EQ(one.failure.detail().sequence, 9u);
  EXPECT_THAT(one.failure.text(), HasSubstr("rank 3 called call 6; ranks 0-2 called call 5"));
  const auto even = judged({stand(kActive, 5, {1}), stand(kActive, 6, {0})}, 2);
  EXPECT_EQ(even.failure.detail().rank, 1) << "the lowest rank is right";
  EXPECT_TRUE(judged({stand(kActive, 5, {0}), stand(kDone, 0, {1})}, 2).failure.ok())
      << "a done call whose fingerprint is forgotten accuses nobody";
}

TEST(Judgement, WhoLeftIsAFailureOnlyIfSomebodyWaits) {
  using enum Stand::Phase;
  EXPECT_EQ(judged({stand(kActive, 5, {0}), stand(kLeft, 0, {1})}, 2).failure.detail().rank, 1);
  EXPECT_TRUE(judged({stand(kDone, 5, {0}), stand(kLeft, 0, {1})}, 2).failure.ok());
}

// A node in the middle of the tree, with two children; what it sends is recorded.
class Middle : public InquiryPort {
 public:
  bool is_top() const override { return false; }
  std::vector<std::int32_t> children() const override { return {33, 34}; }
  void tell(std::optional<std::int32_t> edge, FrameType type, std::string payload) override {
    sent.push_back({edge.value_or(-1), Frame{type, std::move(payload)}});
  }
  Report own_report(std::uint64_t) override {
    Report report;
    report.add(stand(Stand::Phase::kActive, 5, {1}));
    return report;
  }
  Judgement conclude(const Report&, std::uint64_t) override { return {}; }
  void answered(std::uint64_t sequence, const RankSet& absent) override {
    answers.push_back(std::to_string(sequence) + ": " + absent.to_string());
  }
  std::vector<std::string> log() {
    std::vector<std::string> lines;
    for (const auto& [edge, frame] : sent) {
      lines.push_back(std::to_string(static_cast<int>(frame.type)) + ">" + std::to_string(edge));
    }
    sent.clear();
    return lines;
  }
  std::vector<std::pair<std::int32_t, Frame>> sent;
  std::vector<std::string> answers;
};

Frame survey(std::uint32_t id) {
  return {FrameType::kSurvey, Writer().u32(id).u64(7).i32(60).take()};
}

Frame report_of(std::uint32_t id, int rank) {
  Writer writer;
  writer.u32(id);
  Report report;
  report.add(stand(Stand::Phase::kActive, 5, {rank}));
  report.write(writer);
  return {FrameType::kReport, writer.take()};
}

TEST(Inquiry, AsksAreMergedAndASilentChildIsNotAskedTwice) {
  Loop& loop = **Loop::instance();
  Middle middle;
  Inquiry inquiry(loop, 100, middle);
  const auto ask = [](std::uint64_t seq) {
    return Frame{FrameType::kAsk, Writer().u64(seq).take()};
  };
  loop.call([&] {
    inquiry.ask(7);
    EXPECT_TRUE(inquiry.from_child(33, ask(7)) && inquiry.from_child(34, ask(8)));
    EXPECT_THAT(middle.log(), ElementsAre("8>-1")) << "one question upwards at a time";
    EXPECT_TRUE(inquiry.from_parent(survey(1)));
    EXPECT_THAT(middle.log(), ElementsAre("9>33", "9>34"));
    EXPECT_TRUE(inquiry.from_child(33, report_of(1, 33)));
    EXPECT_THAT(middle.log(), ElementsAre());
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(120));
  loop.call([&] {
    EXPECT_THAT(middle.log(), ElementsAre("10>-1")) << "passes on what it has";
    EXPECT_TRUE(inquiry.from_parent(survey(2)));
    EXPECT_THAT(middle.log(), ElementsAre("9>33")) << "34 still owes an answer";
    EXPECT_TRUE(inquiry.from_child(34, report_of(1, 34)));
    EXPECT_TRUE(inquiry.from_child(33, report_of(2, 33)));
    EXPECT_THAT(middle.log(), ElementsAre("10>-1"));
    Writer answer;
    answer.u64(7);
    RankSet absent;
    absent.add(3);
    absent.write(answer);
    EXPECT_TRUE(inquiry.from_parent({FrameType::kDiagnosis, answer.take()}));
    EXPECT_THAT(middle.log(), ElementsAre("11>33", "8>-1")) << "then the next question";
    EXPECT_THAT(middle.answers, ElementsAre("7: 3"));
    EXPECT_FALSE(inquiry.from_parent({FrameType::kDiagnosis, "short"}));
    EXPECT_FALSE(inquiry.from_child(33, ask(0)));
    inquiry.stop();
  });
}

}  // namespace
}  // namespace hfreduce::bootstrap
