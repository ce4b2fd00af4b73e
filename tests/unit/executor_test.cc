// Engines of several ranks in one process: every algorithm, over shared windows and over real
// sockets between pretended hosts, with every result compared to the bit.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <numeric>
#include <thread>
#include <vector>

#include "algorithms/algorithm.h"
#include "executor/driver.h"
#include "executor/engine.h"
#include "planner/planner.h"
#include "transport/tcp/tcp_link.h"

namespace hfreduce {
namespace {

constexpr std::size_t kWindow = 16 << 20;

using algorithms::Algorithm;
using algorithms::Collective;

// Hands each pair of ranks the two ends of one socket.
class Wires {
 public:
  UniqueFd take(std::int32_t mine, std::int32_t peer) {
    const std::lock_guard lock(mutex_);
    const std::pair key = std::minmax(mine, peer);
    auto entry = ends_.find(key);
    if (entry == ends_.end()) {
      int fds[2];
      if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0) return {};
      entry = ends_.emplace(key, std::pair(UniqueFd(fds[0]), UniqueFd(fds[1]))).first;
    }
    return std::move(mine < peer ? entry->second.first : entry->second.second);
  }

 private:
  std::mutex mutex_;
  std::map<std::pair<std::int32_t, std::int32_t>, std::pair<UniqueFd, UniqueFd>> ends_;
};

// A communicator's data path without its membership.
class Cluster {
 public:
  explicit Cluster(const std::vector<std::int32_t>& host_of, std::int32_t leaders = 1)
      : placement_(host_of), leaders_(leaders) {
    for (std::int32_t host = 0; host < placement_.hosts(); ++host) {
      memory_.emplace_back(memfd_create("test", MFD_CLOEXEC));
      EXPECT_EQ(ftruncate(memory_.back().get(),
                          static_cast<off_t>(kWindow * placement_.members(host).size())),
                0);
    }
    latches_.resize(host_of.size());
    for (std::int32_t rank = 0; rank < placement_.ranks(); ++rank)
      engines_.push_back(make_engine(rank));
  }

  const schedule::Placement& placement() const { return placement_; }
  algorithms::Request request(std::int32_t root) const { return {&placement_, root, leaders_}; }
  executor::Engine& engine(std::int32_t rank) { return *engines_[static_cast<std::size_t>(rank)]; }
  FailureLatch& latch(std::int32_t rank) { return *latches_[static_cast<std::size_t>(rank)]; }
  std::size_t channel(const Algorithm& algorithm) const { return channels_.at(&algorithm); }

 private:
  std::unique_ptr<executor::Engine> make_engine(std::int32_t rank) {
    executor::EngineOptions options;
    options.rank = rank;
    options.placement = &placement_;
    options.oversubscribed = true;
    for (const Algorithm& algorithm : algorithms::all()) {
      if (!algorithm.applies(placement_)) continue;
      channels_[&algorithm] = options.channels.size();
      options.channels.push_back(
          {algorithm.layout(request(0)), planner::segment_capacity(algorithm, placement_)});
    }
    options.hooks.connect = [](std::int32_t) {};
    options.hooks.take_link =
        [this, rank](std::int32_t peer,
                     transport::Inbox& inbox) -> Result<std::unique_ptr<transport::Link>> {
      transport::TcpLinkOptions link;
      link.peer = peer;
      link.sockets.push_back(wires_.take(rank, peer));
      link.inbox = &inbox;
      return transport::make_tcp_link(std::move(link));
    };
    options.hooks.ask = [](std::uint64_t) {};
    options.hooks.answer = [](std::uint64_t, std::int32_t*) { return std::string(); };
    options.hooks.describe = [](std::int32_t peer) { return "rank " + std::to_string(peer); };
    options.hooks.blame = [](Status failure, std::int32_t peer) {
      return std::move(failure).with_rank(peer);
    };
    const std::int32_t host = placement_.host_of(rank);
    auto windows = transport::Windows::shared(
        memory_[static_cast<std::size_t>(host)].get(), kWindow,
        static_cast<int>(placement_.members(host).size()), placement_.local_rank(rank));
    auto& latch = latches_[static_cast<std::size_t>(rank)];
    latch = std::make_unique<FailureLatch>();
    auto engine = executor::Engine::make(std::move(options), std::move(windows).value(), *latch);
    EXPECT_TRUE(engine.ok()) << engine.status().to_string();
    return std::move(engine).value();
  }

  schedule::Placement placement_;
  std::int32_t leaders_;
  Wires wires_;
  std::vector<UniqueFd> memory_;
  std::vector<std::unique_ptr<FailureLatch>> latches_;
  std::map<const Algorithm*, std::size_t> channels_;
  std::vector<std::unique_ptr<executor::Engine>> engines_;
};

std::int32_t contribution(std::int32_t rank, std::uint64_t element, int call) {
  return static_cast<std::int32_t>(element * 2654435761u +
                                   static_cast<std::uint64_t>(rank) * 40503 +
                                   static_cast<std::uint64_t>(call) * 977);
}

std::int32_t sum_of_contributions(std::int32_t ranks, std::uint64_t element, int call) {
  const auto all = static_cast<std::uint32_t>(ranks);
  const auto first = static_cast<std::uint32_t>(contribution(0, element, call));
  return static_cast<std::int32_t>(all * first + all * (all - 1) / 2 * 40503);
}

struct Case {
  std::vector<std::int32_t> host_of;
  std::int32_t leaders = 1;
};

// One rank's calls, with roots and sizes that change.
void run_rank(Cluster& cluster, const Algorithm& algorithm, std::int32_t rank,
              std::vector<std::string>& errors) {
  executor::Engine& engine = cluster.engine(rank);
  const std::int32_t ranks = cluster.placement().ranks();
  std::vector<std::uint64_t> counts{1, 100, 8192, 70000, 3};
  if (std::getenv("HFR_TEST_QUICK") == nullptr) counts.insert(counts.end(), {300001, 262144});
  std::map<std::int32_t, std::unique_ptr<executor::BoundPlan>> plans;
  int number = 0;
  for (const std::uint64_t count : counts) {
    const bool reduces = algorithm.collective == Collective::kAllReduce;
    const std::int32_t root = reduces ? 0 : number % ranks;
    auto& plan = plans[root];
    const std::lock_guard lock(engine.mutex());
    if (!plan) {
      auto bound =
          engine.bind(algorithm.emit(cluster.request(root), rank), cluster.channel(algorithm));
      if (!bound.ok()) {
        errors.push_back(bound.status().to_string());
        return;
      }
      plan = std::make_unique<executor::BoundPlan>(std::move(*bound));
    }
    const bool in_place = number % 2 == 1;
    std::vector<std::int32_t> input(count), output(count, -1);
    for (std::uint64_t i = 0; i < count; ++i) input[i] = contribution(rank, i, number);
    executor::Operation operation;
    operation.call.input =
        reinterpret_cast<const std::byte*>(in_place ? input.data() : input.data());
    operation.call.output = reinterpret_cast<std::byte*>(in_place ? input.data() : output.data());
    operation.call.elements = count;
    operation.call.element_bytes = 4;
    operation.route = executor::make_route(*plan, count, 4, number % 3 == 0 ? 16 << 10 : 128 << 10);
    operation.call.timeout_ms = 60000;
    operation.call.fingerprint = static_cast<std::uint32_t>(count);
    operation.call.reduce =
        kernels::best_kernels().reduce[static_cast<int>(kernels::DataType::kInt32)][0];
    engine.start(operation);
    executor::drive_operation(engine, operation);
    if (!operation.status.ok()) {
      errors.push_back("rank " + std::to_string(rank) + ": " + operation.status.to_string());
      return;
    }
    const std::vector<std::int32_t>& result = in_place ? input : output;
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::int32_t expected =
          reduces ? sum_of_contributions(ranks, i, number) : contribution(root, i, number);
      if (result[i] == expected) continue;
      errors.push_back("rank " + std::to_string(rank) + " call " + std::to_string(number) +
                       " element " + std::to_string(i) + " of " + std::to_string(count));
      return;
    }
    ++number;
  }
}

class Executor : public testing::TestWithParam<Case> {};

TEST_P(Executor, EveryAlgorithmEndsWithTheRightSumsOnEveryRank) {
  for (const Algorithm& algorithm : algorithms::all()) {
    Cluster cluster(GetParam().host_of, GetParam().leaders);
    if (!algorithm.applies(cluster.placement())) continue;
    if (algorithm.name.starts_with("zero-copy"))
      continue;  // these buffers are private: mapped_memory_test
    SCOPED_TRACE(std::string(algorithm.name));
    std::vector<std::vector<std::string>> errors(GetParam().host_of.size());
    std::vector<std::thread> threads;
    for (std::int32_t rank = 0; rank < cluster.placement().ranks(); ++rank) {
      threads.emplace_back([&, rank] {
        run_rank(cluster, algorithm, rank, errors[static_cast<std::size_t>(rank)]);
      });
    }
    for (std::thread& thread : threads) thread.join();
    for (const auto& list : errors) EXPECT_THAT(list, testing::IsEmpty());
  }
}

INSTANTIATE_TEST_SUITE_P(Placements, Executor,
                         testing::Values(Case{{0, 0}}, Case{{0, 0, 0}}, Case{{0, 0, 0, 0, 0}},
                                         Case{{0, 1}}, Case{{0, 1, 2}}, Case{{0, 0, 1, 1}},
                                         Case{{0, 0, 1, 1}, 2}, Case{{0, 1, 0, 1, 2, 2, 2}},
                                         Case{{0, 1, 1, 1, 2, 2}}, Case{{0, 1, 2, 3, 4}}));

// How a call of one segment goes: by the steps of the only lane, in the order of their turns.
TEST(Engine, PlansThatNeedNoInterpreterAreLaidStraight) {
  const auto bound = [](Cluster& cluster, Collective collective, const char* name) {
    const Algorithm& algorithm = *algorithms::find(collective, name);
    const std::lock_guard lock(cluster.engine(1).mutex());
    auto plan =
        cluster.engine(1).bind(algorithm.emit(cluster.request(0), 1), cluster.channel(algorithm));
    EXPECT_TRUE(plan.ok()) << plan.status().to_string();
    return std::move(plan).value();
  };
  const auto skew = [](const executor::StraightStep& step) { return step.step->skew; };
  Cluster host({0, 0, 0}), two({0, 0}), hosts({0, 1});
  for (const auto& [collective, name] :
       {std::pair(Collective::kAllReduce, "one-shot"),
        std::pair(Collective::kAllReduce, "two-shot"),
        std::pair(Collective::kAllReduce, "alternating"),
        std::pair(Collective::kBroadcast, "eager"), std::pair(Collective::kBroadcast, "direct")}) {
    const bool of_two = !algorithms::find(collective, name)->applies(host.placement());
    const executor::BoundPlan plan = bound(of_two ? two : host, collective, name);
    // Two peers are awaited one after the other.
    std::size_t expected = 0;
    for (const executor::BoundStep& step : plan.lanes.front().steps)
      expected += step.op == schedule::Op::kWait ? step.waits.count : 1;
    EXPECT_EQ(plan.straight.size(), expected) << name;
    EXPECT_TRUE(std::ranges::is_sorted(plan.straight, {}, skew)) << name;
    EXPECT_FALSE(plan.straight_doorbells.empty()) << name;
  }
  EXPECT_TRUE(bound(host, Collective::kAllReduce, "claimed").straight.empty());
  EXPECT_TRUE(bound(hosts, Collective::kAllReduce, "recursive-doubling").straight.empty());
}

TEST(Engine, AFailureEndsWhatWaits) {
  Cluster cluster({0, 0});
  const Algorithm& algorithm = *algorithms::find(Collective::kAllReduce, "one-shot");
  executor::Engine& engine = cluster.engine(0);
  std::vector<float> data(16);
  executor::Operation operation;
  std::unique_lock lock(engine.mutex());
  auto plan = engine.bind(algorithm.emit(cluster.request(0), 0), cluster.channel(algorithm));
  ASSERT_TRUE(plan.ok());
  operation.route = executor::make_route(*plan, 16, 4, 4096);
  operation.call.input = operation.call.output = reinterpret_cast<std::byte*>(data.data());
  operation.call.elements = 16;
  operation.call.element_bytes = 4;
  operation.call.timeout_ms = 300;
  operation.call.reduce =
      kernels::best_kernels().reduce[static_cast<int>(kernels::DataType::kFloat32)][0];
  engine.start(operation);
  executor::drive_operation(engine, operation);
  EXPECT_EQ(operation.status.code(), Code::kTimeout) << operation.status.to_string();
  EXPECT_THAT(operation.status.text(), testing::HasSubstr("rank 1"));
  // The communicator has failed: what comes later gets the same error at once.
  executor::Operation later;
  later.route = operation.route;
  later.call = operation.call;
  engine.start(later);
  executor::drive_operation(engine, later);
  EXPECT_EQ(later.status.code(), Code::kTimeout);
}

}  // namespace
}  // namespace hfreduce
