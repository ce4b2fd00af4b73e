// The control thread: one a process, started by whoever first needs it, never destroyed. It sleeps
// in epoll until a descriptor, a timer or a posted task has something for it to do.
//
// Everything in this folder that is not said to be thread-safe lives on this thread and is touched
// by nobody else, so it needs no locks. In a forked child the thread does not exist.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "base/status.h"

namespace hfreduce::bootstrap {

class Loop;

// What the loop may own.
class Resident {
 public:
  virtual ~Resident() = default;
};

class Watcher : public Resident {
 public:
  virtual void ready(std::uint32_t events) = 0;  // EPOLLIN, ...
};

// A descriptor being watched; ends with its owner. Must end before the descriptor is closed.
struct WatchEntry {
  Loop* loop;
  std::uint64_t id;
  int fd;
};
struct Unwatch {
  void operator()(WatchEntry* entry) const;
};
using Watch = std::unique_ptr<WatchEntry, Unwatch>;

// A task that is due later; dropped with its owner.
struct TimerEntry {
  Loop* loop;
  Nanoseconds at;
  std::uint64_t id;
};
struct CancelTimer {
  void operator()(TimerEntry* entry) const;
};
using Timer = std::unique_ptr<TimerEntry, CancelTimer>;

class Loop {
 public:
  // Starts the thread the first time. kInvalidUsage in a forked child. Thread-safe.
  static Result<Loop*> instance();

  // Runs `task` on the control thread, in the order of posting. Thread-safe; dropped in a forked
  // child.
  void post(std::function<void()> task);
  // The same, and waits for it; at once on the control thread itself. False: not done (forked
  // child). Thread-safe.
  bool call(const std::function<void()>& task);

  // From here on: on the control thread only.
  Watch watch(int fd, std::uint32_t events, Watcher& watcher);  // null: the system refused
  void change(const Watch& watch, std::uint32_t events);
  Timer after(Nanoseconds delay, std::function<void()> task);
  // Keeps an object until it is buried.
  void keep(std::unique_ptr<Resident> resident);
  // Destroys when the calls that are under way have returned: an object may bury itself.
  void bury(Resident* resident);
  void bury(std::unique_ptr<Resident> resident);

 private:
  friend struct Unwatch;
  friend struct CancelTimer;
  Loop() = default;
  Status start();
  void run();
  void dispatch();
  void run_tasks();
  void run_timers();

  UniqueFd epoll_, wake_;
  std::mutex mutex_;
  std::vector<std::function<void()>> tasks_;  // guarded by mutex_
  std::uint64_t next_id_ = 1;
  std::unordered_map<std::uint64_t, Watcher*> watchers_;
  std::map<std::pair<Nanoseconds, std::uint64_t>, std::function<void()>> timers_;
  std::unordered_map<Resident*, std::unique_ptr<Resident>> residents_;
  std::vector<std::unique_ptr<Resident>> graveyard_;
};

}  // namespace hfreduce::bootstrap
