#include "executor/driver.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <system_error>
#include <thread>

#include "base/clock.h"
#include "base/log.h"
#include "base/relax.h"
#include "base/signals.h"

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

// Whether calls to the progress thread have been false alarms of late: somebody started an
// operation and then waited for it, as most do, and the waiter drove it. A thread that was called
// for nothing lingers: for a while it looks by itself every kLook, and starting an operation costs
// no system call. A thread that has driven an operation which nobody waited for wants to be called.
class Alarms {
 public:
  // Nothing is to be driven. `calls`: how often an engine was handed over so far. Returns whether
  // to linger.
  bool resting(std::uint64_t calls, Nanoseconds now) noexcept {
    if (busy_since_ != 0) {
      false_ = now - busy_since_ < kWorthACall;
    } else if (calls != calls_) {
      false_ = true;
    }
    busy_since_ = 0;
    if (calls != calls_) latest_ = now;
    calls_ = calls;
    return false_ && now - latest_ < kLinger;
  }
  // An engine is to be driven.
  void working() noexcept {
    if (busy_since_ == 0) busy_since_ = now_ns();
  }

  static constexpr Nanoseconds kLook = 100'000;

 private:
  static constexpr Nanoseconds kLinger = 2'000'000;  // 20 looks, each as dear as a call saved
  static constexpr Nanoseconds kWorthACall = 20'000;

  std::uint64_t calls_ = 0;
  Nanoseconds latest_ = 0, busy_since_ = 0;
  bool false_ = true;
};

// The process's progress thread. Never destroyed: the thread sleeps until the process ends.
//
// No call is lost. A caller makes its engine need driving, counts calls_, then reads asleep_; the
// thread reads calls_, looks for engines that need driving, writes asleep_, reads calls_ once more,
// and sleeps for long only if nobody has called since. These four are sequentially consistent: in
// their one order either the caller's count comes before the thread's second reading, which sees
// it (and the look that follows then sees the engine, by the acquire of that count), or the thread
// had written asleep_ before, and the caller sees that and writes to told_. A caller that reads
// asleep_ as not yet or no longer set is followed by a reading of calls_ before the next long
// sleep. A lingering thread's sleeps are short, so it sets nothing and need not be told.
class Background {
 public:
  static Background& instance() {
    static Background* background = new Background;
    return *background;
  }

  void add(Engine& engine) {
    {
      const std::lock_guard lock(mutex_);
      if (!started_) start();
      if (std::find(engines_.begin(), engines_.end(), &engine) == engines_.end()) {
        engines_.push_back(&engine);
        version_.fetch_add(1, std::memory_order_release);
      }
    }
    calls_.fetch_add(1, std::memory_order_seq_cst);
    // Once, however long the thread then takes to get a core.
    if (asleep_.load(std::memory_order_seq_cst) && asleep_.exchange(false)) tell();
  }

  void remove(Engine& engine) {
    std::unique_lock lock(mutex_);
    const auto entry = std::find(engines_.begin(), engines_.end(), &engine);
    if (entry == engines_.end()) return;
    engines_.erase(entry);
    const std::uint64_t wanted = version_.fetch_add(1, std::memory_order_release) + 1;
    tell();
    changed_.wait(lock, [&] { return seen_ >= wanted; });
  }

  std::uint64_t tellings() const noexcept { return tellings_.load(std::memory_order_relaxed); }

 private:
  Background() = default;

  // Throws std::system_error.
  void start() {
    if (!told_) told_ = UniqueFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!told_) {
      throw std::system_error(errno, std::generic_category(),
                              "starting the progress thread (open files: ulimit -n)");
    }
    const SignalsBlocked inherited;
    std::thread([this] { run(); }).detach();
    started_ = true;
  }

  void tell() {
    tellings_.fetch_add(1, std::memory_order_relaxed);
    const std::uint64_t one = 1;
    if (write(told_.get(), &one, sizeof one) < 0) return;  // full: it has been told
  }

  void refresh(std::vector<Engine*>& mine) {
    if (version_.load(std::memory_order_acquire) == seen_) return;  // only this thread writes seen_
    const std::lock_guard lock(mutex_);
    mine = engines_;
    seen_ = version_.load(std::memory_order_relaxed);
    changed_.notify_all();
  }

  // Sleeps for long, unless somebody has called since calls_ was `calls`.
  template <typename Sleep>
  void sleep_unless_called(std::uint64_t calls, Sleep sleep) {
    asleep_.store(true, std::memory_order_seq_cst);
    if (calls_.load(std::memory_order_seq_cst) == calls) sleep();
    asleep_.store(false, std::memory_order_seq_cst);
    take_told();
  }

  void take_told() {
    std::uint64_t drop;
    if (read(told_.get(), &drop, sizeof drop) < 0) return;  // not told
  }

  void run() {
    pthread_setname_np(pthread_self(), "hfr-progress");
    std::vector<Engine*> mine;
    Patience patience(kSpinsOversubscribed);
    Alarms alarms;
    for (;;) {
      const std::uint64_t calls = calls_.load(std::memory_order_seq_cst);
      refresh(mine);
      if (std::none_of(mine.begin(), mine.end(), needs_driving)) {
        pollfd told{told_.get(), POLLIN, 0};
        constexpr timespec look{0, Alarms::kLook};
        if (alarms.resting(calls, now_ns())) {
          if (ppoll(&told, 1, &look, nullptr) > 0) take_told();
        } else {
          sleep_unless_called(calls, [&] { poll(&told, 1, -1); });
        }
        continue;
      }
      alarms.working();
      if (progress_all(mine)) {
        patience.moved();
      } else if (!patience.wait_awake()) {
        if (all_fall_asleep(mine))
          sleep_unless_called(calls, [&] { sleep_jointly(mine, told_.get()); });
        all_awake(mine);
      }
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Engine*> engines_;
  std::atomic<std::uint64_t> version_ = 0;  // written under mutex_
  std::uint64_t seen_ = 0;
  bool started_ = false;
  std::atomic<std::uint64_t> calls_ = 0, tellings_ = 0;
  std::atomic<bool> asleep_ = false;
  UniqueFd told_;
};

}  // namespace

void drive_operation(Engine& engine, const Operation& operation) {
  const Driving driving(engine);
  Patience patience(engine.needs_epoll()      ? kSpinsOnLinks
                    : engine.oversubscribed() ? kSpinsOversubscribed
                                              : kSpins);
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

std::uint64_t background_tellings() { return Background::instance().tellings(); }

void withdraw_from_background(Engine& engine) { Background::instance().remove(engine); }

}  // namespace hfreduce::executor
