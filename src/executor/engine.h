// One communicator's data path: its windows, its links, and the queue of its operations, which run
// in the order in which they were called.
//
// Locking: whoever drives holds mutex(); the wake-up functions and history() may be used by any
// thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <vector>

#include "base/failure.h"
#include "base/futex_mutex.h"
#include "executor/bound_plan.h"
#include "executor/call.h"
#include "executor/peers.h"
#include "executor/run.h"

namespace hfreduce::executor {

// What the engine asks of the communicator's membership. None may block.
struct EngineHooks {
  std::function<void(std::int32_t peer)> connect;  // begin to connect
  // The link once it is up, else nullptr. An error is final.
  std::function<Result<std::unique_ptr<transport::Link>>(std::int32_t peer, transport::Inbox&)>
      take_link;
  std::function<void(std::uint64_t sequence)> ask;  // what is everyone doing about this operation?
  // Who has not called the operation, for people: "rank 3 on host a has not called it"; empty: not
  // known.
  std::function<std::string(std::uint64_t sequence, std::int32_t* rank)> answer;
  std::function<std::string(std::int32_t rank)> describe;  // "rank 3 on host a (pid 7)"
  // A descriptor of a memory object of another process; invalid while it has not come. An error is
  // final.
  transport::PeerMemory::Fetch fetch_memory;
  // The same failure, about this rank and its host; -1: about nobody.
  std::function<Status(Status, std::int32_t rank)> blame;
};

struct EngineOptions {
  std::int32_t rank = 0;
  const schedule::Placement* placement = nullptr;
  std::vector<ChannelSpec> channels;
  EngineHooks hooks;
  bool oversubscribed = false;  // more ranks on this host than cores: do not spin
  std::int32_t workers = 0;     // threads that are to help this process with large steps
};

class Engine {
 public:
  // `latch` outlives the engine.
  static Result<std::unique_ptr<Engine>> make(EngineOptions options, transport::Windows windows,
                                              FailureLatch& latch);
  ~Engine();

  // Fails with kOutOfMemory or kInternalError. Hold the mutex.
  Result<BoundPlan> bind(const schedule::Schedule& schedule, std::size_t channel);
  // Queues an operation; numbers it. Hold the mutex. The operation stays the caller's and must
  // outlive its end.
  void start(Operation& operation);
  // The same and progress(), in one go.
  void start_and_advance(Operation& operation);

  // An operation of no elements: numbered and remembered, and done. Hold the mutex.
  void skip(const Signature& signature, std::uint32_t fingerprint);

  // Takes leave of every link, so that what was sent arrives although the connections end; waits at
  // most `ms` for the other hosts' kernels (not for their processes). Hold the mutex.
  void leave(int ms);

  FutexMutex& mutex() noexcept { return mutex_; }
  // Carries the operation at the head of the queue as far as it goes without waiting. Returns
  // whether anything moved. Hold the mutex.
  bool progress();
  // See Run::glance. Hold the mutex.
  int glance(int looks) const noexcept {
    return head_active_ && !over_links_ ? run_.glance(looks) : 0;
  }
  // After progress() over links: nothing had arrived at its last look, or nothing that helped. To
  // look again at once would be in vain.
  bool stuck() const noexcept { return stuck_; }
  bool outstanding() const noexcept { return outstanding_.load(std::memory_order_acquire) != 0; }

  // A waiter has taken over: the progress thread keeps away until it lets go. Hold the mutex.
  void take_over() noexcept {
    driven_.store(true, std::memory_order_relaxed);
    doorbell_.awake();  // the progress thread may be asleep on its behalf
  }
  void let_go() noexcept { driven_.store(false, std::memory_order_relaxed); }
  bool driven() const noexcept { return driven_.load(std::memory_order_relaxed); }

  // Deadlines, questions, broken links: to be called now and then while nothing moves. Hold the
  // mutex.
  void watch(Nanoseconds now);
  // Announces sleep; false: there is work after all. True must be followed by awake(). Hold the
  // mutex.
  bool fall_asleep(bool in_epoll);
  void awake() noexcept { doorbell_.awake(); }
  // After fall_asleep(false): sleeps until woken, at most `ms`.
  void sleep_on_futex(int ms) noexcept { doorbell_.sleep_on_futex(ms); }
  // Readable when there may be work, after fall_asleep(true).
  int epoll_fd() const noexcept { return epoll_.get(); }
  // Whether a wait of the head operation may be ended by something that is not in a mapped window.
  bool needs_epoll() const noexcept {
    return head_ != nullptr && !head_->route.plan->links.empty();
  }
  // Ends a sleep from any thread.
  void wake() const noexcept { doorbell_.ring(windows_.doorbell(windows_.mine())); }

  // Before the first operation: tries to read what is in the memory of the other ranks of this
  // host, which all stand behind their windows. kSystemError: whose cannot be read, and why.
  Status try_peer_reads();
  // All ranks of the host could.
  void allow_peer_reads() noexcept { peer_reads_.allow(); }
  const transport::PeerReads& peer_reads() const noexcept { return peer_reads_; }
  // Whether peers that may read this rank's private memory should, rather than have it staged: a
  // matter of where the cores are just now.
  bool better_read() noexcept { return run_.better_read(); }

  const History& history() const noexcept { return history_; }
  bool oversubscribed() const noexcept { return options_.oversubscribed; }
  const WindowMap& map() const noexcept { return map_; }
  const Peers& peers() const noexcept { return peers_; }
  std::uint64_t sequence() const noexcept { return sequence_; }
  // Of the latest operation that began; nullptr: none yet. Any thread.
  const BoundPlan* last_plan() const noexcept { return last_plan_.load(std::memory_order_acquire); }
  std::uint32_t last_segment() const noexcept {
    return last_segment_.load(std::memory_order_relaxed);
  }

 private:
  Engine(EngineOptions options, transport::Windows windows, WindowMap map, FailureLatch& latch);

  void number(Call* call) noexcept;
  void remember(const Call& call) noexcept;
  void queue(Operation& operation) noexcept;
  void begin(const Operation& operation);
  void begin_from(std::size_t way, const Operation& operation);
  void begin(const Route& route, const Call& call);
  void begin_head();
  void end_run();
  void finish_head();
  void fail_all(const Status& status);
  // engine_links.cc
  bool advance_over_links();
  void pump_links(bool all);
  void pump_link(std::int32_t peer);
  void send_link(std::int32_t peer);
  bool connect_links();
  void link_failed(std::int32_t peer, Status status);
  bool links_idle() const noexcept;
  // engine_watch.cc
  bool watch_links(Nanoseconds now);
  void log_wait(Nanoseconds now) const;
  void watch_mismatch(Nanoseconds now);
  void watch_unreadable(Nanoseconds now);
  void watch_deadline(Nanoseconds now);

  EngineOptions options_;
  FailureLatch& latch_;
  transport::Windows windows_;
  WindowMap map_;
  Peers peers_;
  transport::Doorbell doorbell_;
  UniqueFd epoll_;
  transport::PeerMemory peer_memory_;
  transport::PeerReads peer_reads_;
  Run run_;
  const BoundPlan* active_ = nullptr;  // of the head operation
  std::size_t way_ = 0;                // where that is one of its zero_copy: which
  std::atomic<const BoundPlan*> last_plan_{nullptr};
  std::atomic<std::uint32_t> last_segment_{0};
  FutexMutex mutex_;
  Operation *head_ = nullptr, *tail_ = nullptr;  // of the queue; no tail without a head
  std::atomic<std::uint32_t> outstanding_{0};    // written under the mutex
  std::atomic<bool> driven_{false};
  std::uint64_t sequence_ = 0;
  bool head_active_ = false, over_links_ = false, links_up_ = true, stuck_ = false;
  std::vector<std::uint64_t> iterations_;  // of each channel
  std::set<std::int32_t> asked_for_;       // links that connect() was called for
  // Ended; a failure once an operation needs it, and the control tree has had time to say why.
  struct BrokenLink {
    Status why;
    Nanoseconds noticed = 0;
  };
  std::map<std::int32_t, BrokenLink> broken_;
  History history_;
  EarlierCalls earlier_calls_;
  // Of the head operation, once it has been waiting; 0: not.
  Nanoseconds waiting_since_ = 0, next_question_ = 0, next_log_ = 0, mismatch_since_ = 0,
              unreadable_since_ = 0, last_answer_by_ = 0;
};

}  // namespace hfreduce::executor
