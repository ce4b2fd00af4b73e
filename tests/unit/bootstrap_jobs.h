// Jobs for the bootstrap tests: ranks as threads of this process.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/failure.h"
#include "bootstrap/from_env.h"
#include "bootstrap/session.h"

namespace hfreduce::bootstrap::testing {

inline const Settings& settings() {
  static const Settings kSettings;
  return kSettings;
}

// One rank: its latch outlives its session.
struct Rank {
  FailureLatch latch;
  Status joined;
  std::unique_ptr<Session> session;
};

using Change = std::function<void(JoinOptions&, SessionHooks&)>;

inline JoinOptions options_for(const UniqueId& id, int rank, int ranks) {
  JoinOptions options;
  options.id = id;
  options.rank = rank;
  options.ranks = ranks;
  options.greeting = "greeting of " + std::to_string(rank);
  options.window_bytes = 5000;
  options.settings = &settings();
  options.init_timeout_ms = 60'000;
  return options;
}

inline void join_one(Rank& rank, JoinOptions options, SessionHooks hooks) {
  auto session = Session::join(options, rank.latch, std::move(hooks));
  rank.joined = session.status();
  if (session.ok()) rank.session = std::move(*session);
}

// All ranks of a job, joined at the same time unless `change` makes one fail.
class Job {
 public:
  explicit Job(int ranks, const Change& change = {}) : ranks_(static_cast<std::size_t>(ranks)) {
    auto id = open_rendezvous(settings());
    EXPECT_TRUE(id.ok()) << id.status().text();
    std::vector<std::thread> threads;
    for (int r = 0; r < ranks; ++r) {
      JoinOptions options = options_for(*id, r, ranks);
      SessionHooks hooks;
      if (change) change(options, hooks);
      threads.emplace_back([this, r, options, hooks] { join_one((*this)[r], options, hooks); });
    }
    for (auto& thread : threads) thread.join();
  }
  Rank& operator[](int rank) { return ranks_[static_cast<std::size_t>(rank)]; }
  int size() const { return static_cast<int>(ranks_.size()); }
  std::vector<Rank>& all() { return ranks_; }

 private:
  std::vector<Rank> ranks_;
};

// Until `condition`, at most `ms`.
template <typename Condition>
bool within_ms(int ms, Condition condition) {
  const Deadline deadline = Deadline::after_ms(ms);
  while (!condition()) {
    if (deadline.passed()) return condition();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

}  // namespace hfreduce::bootstrap::testing
