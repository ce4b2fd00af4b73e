#include "executor/driver.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <thread>

#include "base/clock.h"
#include "base/log.h"
#include "base/relax.h"

namespace hfreduce::executor {
namespace {

constexpr int kSpins = 1000;              // about 20 us: a peer on another core is about to answer
constexpr int kSpinsOversubscribed = 20;  // the peer may be waiting for this very core
// A look at a link is a system call, and the peer may be waiting for this very core however many
// there are (two hosts of a test share them): give it away at once.
constexpr int kSpinsOnLinks = 0;
constexpr int kLooksARound = 50;
constexpr int kYields = 200;
constexpr int kLongestSleepMs = 50;  // so that deadlines and questions are looked after

// How long nothing has moved, and so what to do next.
class Patience {
 public:
  explicit Patience(int spins) noexcept : spins_(spins) {}

  void moved() noexcept { idle_ = 0; }
  // Looks that may be made before it is time to yield.
  int looks_left() const noexcept { return std::max(0, spins_ - idle_); }
  // Spins or yields; false when it is time to sleep. `looked`: how often in vain already; -1: what
  // was looked for is there. That counts too, for it may be of no use (another call's flag).
  bool wait_awake(int looked = 0) noexcept {
    idle_ += std::max(1, looked);
    if (idle_ <= spins_) {
      if (looked >= 0) relax();
    } else if (idle_ <= spins_ + kYields) {
      sched_yield();
    } else {
      return false;
    }
    return true;
  }

 private:
  int spins_;
  int idle_ = 0;
};

void sleep_alone(Engine& engine) {
  const bool in_epoll = engine.needs_epoll();
  engine.watch(now_ns());
  if (!engine.fall_asleep(in_epoll)) return;
  if (in_epoll) {
    epoll_event events[8];
    epoll_wait(engine.epoll_fd(), events, 8, kLongestSleepMs);
  } else {
    engine.sleep_on_futex(kLongestSleepMs);
  }
  engine.awake();
}

// Keeps the progress thread away from an engine.
class Driving {
 public:
  explicit Driving(Engine& engine) noexcept : engine_(engine) { engine_.take_over(); }
  ~Driving() { engine_.let_go(); }
  Driving(const Driving&) = delete;
  Driving& operator=(const Driving&) = delete;

 private:
  Engine& engine_;
};

bool needs_driving(const Engine* engine) { return engine->outstanding() && !engine->driven(); }

// Sleeps until one of several engines, told to ring in their epoll descriptors, has work, or until
// `told`
// (-1: none) is readable. Engines without outstanding operations do not count: what a peer sends
// them early stays where it is.
void sleep_jointly(std::span<Engine* const> engines, int told) {
  std::vector<pollfd> fds;
  for (Engine* engine : engines) {
    if (needs_driving(engine)) fds.push_back({engine->epoll_fd(), POLLIN, 0});
  }
  if (told >= 0) fds.push_back({told, POLLIN, 0});
  poll(fds.data(), fds.size(), kLongestSleepMs);
}

// One round over the engines that are free. Returns whether anything moved.
bool progress_all(std::span<Engine* const> engines) {
  bool moved = false;
  for (Engine* engine : engines) {
    if (!needs_driving(engine)) continue;
    const std::unique_lock lock(engine->mutex(), std::try_to_lock);
    if (lock) moved |= engine->progress();
  }
  return moved;
}

// Lets every engine announce its sleep; false: one of them has work.
bool all_fall_asleep(std::span<Engine* const> engines) {
  for (Engine* engine : engines) {
    if (!needs_driving(engine)) continue;
    const std::unique_lock lock(engine->mutex(), std::try_to_lock);
    if (!lock) continue;  // somebody else drives it
    engine->watch(now_ns());
    if (!engine->fall_asleep(true)) return false;
  }
  return true;
}

void all_awake(std::span<Engine* const> engines) {
  for (Engine* engine : engines) {
    const std::unique_lock lock(engine->mutex(), std::try_to_lock);
    if (lock) engine->awake();
  }
}

// The process's progress thread. Never destroyed: the thread sleeps until the process ends.
class Background {
 public:
  static Background& instance() {
    static Background* background = new Background;
    return *background;
  }

  void add(Engine& engine) {
    const std::lock_guard lock(mutex_);
    if (!started_) start();
    if (std::find(engines_.begin(), engines_.end(), &engine) == engines_.end()) {
      engines_.push_back(&engine);
      ++version_;
    }
    tell();
  }

  void remove(Engine& engine) {
    std::unique_lock lock(mutex_);
    const auto entry = std::find(engines_.begin(), engines_.end(), &engine);
    if (entry == engines_.end()) return;
    engines_.erase(entry);
    const std::uint64_t wanted = ++version_;
    tell();
    changed_.wait(lock, [&] { return seen_ >= wanted; });
  }

 private:
  Background() : told_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

  void start() {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    std::thread([this] { run(); }).detach();
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    started_ = true;
  }

  void tell() {
    const std::uint64_t one = 1;
    if (write(told_.get(), &one, sizeof one) < 0) return;  // full: it has been told
  }

  void refresh(std::vector<Engine*>& mine) {
    std::uint64_t drop;
    if (read(told_.get(), &drop, sizeof drop) < 0) drop = 0;
    const std::lock_guard lock(mutex_);
    if (seen_ == version_) return;
    mine = engines_;
    seen_ = version_;
    changed_.notify_all();
  }

  void run() {
    pthread_setname_np(pthread_self(), "hfr-progress");
    std::vector<Engine*> mine;
    Patience patience(kSpinsOversubscribed);
    for (;;) {
      refresh(mine);
      if (std::none_of(mine.begin(), mine.end(), needs_driving)) {
        pollfd told{told_.get(), POLLIN, 0};
        poll(&told, 1, -1);
      } else if (progress_all(mine)) {
        patience.moved();
      } else if (!patience.wait_awake()) {
        if (all_fall_asleep(mine)) sleep_jointly(mine, told_.get());
        all_awake(mine);
      }
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Engine*> engines_;
  std::uint64_t version_ = 0, seen_ = 0;
  bool started_ = false;
  UniqueFd told_;
};

}  // namespace

void drive_operation(Engine& engine, const Operation& operation) {
  Patience patience(engine.needs_epoll()      ? kSpinsOnLinks
                    : engine.oversubscribed() ? kSpinsOversubscribed
                                              : kSpins);
  const Driving driving(engine);
  while (!operation.done()) {
    if (engine.progress()) {
      patience.moved();
      if (!engine.stuck()) continue;
    }
    // Not all at once: a round of progress sees an abort, too.
    const int looked = engine.glance(std::min(kLooksARound, patience.looks_left()));
    if (!patience.wait_awake(looked)) sleep_alone(engine);
  }
}

void drive_until(std::span<Engine* const> engines, const std::function<bool()>& done) {
  Patience patience(
      kSpinsOversubscribed);  // one thread drives several ranks: they are ahead of nobody
  while (!done()) {
    if (progress_all(engines)) {
      patience.moved();
    } else if (!patience.wait_awake()) {
      if (all_fall_asleep(engines) && !done()) sleep_jointly(engines, -1);
      all_awake(engines);
    }
  }
}

void drive_in_background(Engine& engine) { Background::instance().add(engine); }

void withdraw_from_background(Engine& engine) { Background::instance().remove(engine); }

}  // namespace hfreduce::executor
