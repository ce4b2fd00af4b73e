// A communicator as one rank sees it.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/failure.h"
#include "bootstrap/memory_server.h"
#include "bootstrap/session.h"
#include "comm/options.h"
#include "comm/recent_calls.h"
#include "executor/driver.h"
#include "executor/engine.h"
#include "planner/planner.h"
#include "transport/tcp/congestion.h"

namespace hfreduce::comm {

// The most memory that a rank's staging slots may take, on any communicator.
inline constexpr std::uint64_t kWindowBytes = 16u << 20;

class Comm {
 public:
  // What differs between calls that are alike.
  struct Buffers {
    const void* send = nullptr;
    void* receive = nullptr;
    std::uint64_t scalar = 0;      // as in CollectiveCall
    std::int64_t timeout_ms = -1;  // likewise
  };

  // Joins; returns when all ranks have, or fails on all.
  static Result<std::unique_ptr<Comm>> join(const Membership& membership, CommOptions options);
  ~Comm();

  std::int32_t rank() const noexcept { return rank_; }
  std::int32_t ranks() const noexcept { return ranks_; }
  const CommOptions& options() const noexcept { return options_; }

  // One thread at a time makes calls: nothing from here to run_again() is thread-safe.

  // What is known of calls with this key, since one was made; nullptr: nothing. Good until the next
  // call.
  PlannedCall* recall(const CallKey& key) noexcept {
    PlannedCall& place = recent_calls_.place_of(key);
    return place.key == key ? &place : nullptr;
  }
  // Makes `operation` ready to start, or says why not.
  Status prepare(const CollectiveCall& call, executor::Operation& operation);
  // Starts what was prepared, behind what was started before; somebody is to drive it.
  void queue(executor::Operation& operation);
  // The same, takes its first steps, and leaves the others to the progress thread or a waiter.
  void start(executor::Operation& operation);
  // As prepare(), for a call that is to be started again and again.
  Status plan(const CollectiveCall& call, PlannedCall* planned);
  // Starts it, as start() does. It is done.
  Status start_again(PlannedCall& planned, const Buffers& buffers);
  // Starts and drives to the end.
  Status run(executor::Operation& operation);
  Status run(const CollectiveCall& call);
  // The same for a call like one that was made before.
  Status run_again(PlannedCall& planned, const Buffers& buffers);
  // nullptr on a communicator of one rank.
  executor::Engine* engine() noexcept { return engine_.get(); }

  // Collective: a communicator of the ranks with the same color. nullptr for color -1.
  Result<std::unique_ptr<Comm>> split(std::int32_t color, std::int32_t key, CommOptions options);
  Status finalize();

  // Any thread.
  void abort();
  Status failure() const { return latch_.status(); }
  Result<std::string> info(std::string_view key) const;

 private:
  Comm(const Membership& membership, CommOptions options);

  Status join_others(const Membership& membership);
  Status set_up();  // once the session stands
  Result<std::vector<std::string>> exchange_votes(std::string_view mine, Deadline deadline);
  Status agree(const std::vector<std::string>& greetings);
  Status make_engine();
  Status agree_on_peer_reads();
  // Rank 0's, for all; empty on other ranks, and where there are none.
  std::string measured_plans();
  std::string tuning_info() const;
  std::string explain_tuning() const;
  executor::EngineHooks engine_hooks();
  bootstrap::SessionHooks session_hooks();
  bootstrap::CallState call_state(std::uint64_t sequence) const;
  std::string describe(std::int32_t rank) const;
  std::string answer(std::uint64_t sequence, std::int32_t* rank) const;
  Result<std::unique_ptr<transport::Link>> take_link(std::int32_t peer, transport::Inbox& inbox);
  Result<executor::BoundPlan*> plan_for(const algorithms::Algorithm& algorithm, std::int32_t root);
  bool ends_alone(executor::Operation& operation);
  Status run_now(executor::Operation& operation);
  Result<PlannedCall*> plan_of(const CollectiveCall& call);
  Status bind(const Buffers& buffers, PlannedCall& planned, executor::Operation& operation) const;
  Status plan_call(const CallShape& shape, std::string_view forced, PlannedCall* planned);
  bool may_call() const noexcept { return !latch_.raised() && !finalized_; }
  Status why_not() const;
  Status offer_buffers(PlannedCall* planned, executor::Call* call) const;
  Status look_up_buffers(PlannedCall* planned, const executor::Call& call) const;
  Result<UniqueFd> fetch_memory(std::uint64_t process, std::uint64_t object);
  algorithms::Request request(const algorithms::Algorithm& algorithm, std::int32_t root) const;
  std::string explain_ranks() const;
  std::string explain_plans() const;
  std::string explain_memory() const;
  std::string explain_peer_reads() const;
  void explain() const;

  const std::int32_t rank_, ranks_;
  CommOptions options_;
  FailureLatch latch_;
  std::unique_ptr<bootstrap::Session> session_;
  std::unique_ptr<schedule::Placement> placement_;
  planner::Facts facts_;
  planner::Tuning measured_;   // rank 0: all that the file says of this shape
  std::string grouping_;       // how ranks are grouped, or why not; see explain_groups()
  std::string no_peer_reads_;  // why private memory is not read by peers; empty: it is
  bool checksum_ = true;
  std::int32_t sockets_ = 1;
  int workers_ = 0;              // that help this process
  bool oversubscribed_ = false;  // this host's ranks outnumber its cores
  transport::Congestion congestion_;
  std::unique_ptr<executor::Engine> engine_;
  std::atomic<executor::Engine*> published_engine_{nullptr};  // for the control thread
  std::map<std::pair<const algorithms::Algorithm*, std::int32_t>,
           std::unique_ptr<executor::BoundPlan>>
      plans_;
  std::map<const algorithms::Algorithm*, std::size_t> channels_;
  RecentCalls recent_calls_;
  PlannedCall forced_call_;  // the latest of a named algorithm
  std::map<std::int32_t, std::vector<UniqueFd>> connecting_;
  std::map<std::pair<std::uint64_t, std::uint64_t>, bootstrap::MemoryRequest> asked_memory_;
  bool finalized_ = false;
};

}  // namespace hfreduce::comm
