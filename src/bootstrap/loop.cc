#include "bootstrap/loop.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <condition_variable>
#include <system_error>
#include <thread>

#include "base/log.h"
#include "base/signals.h"

namespace hfreduce::bootstrap {
namespace {

thread_local bool on_control_thread = false;

epoll_event event_for(std::uint64_t id, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = id;
  return event;
}

}  // namespace

void Unwatch::operator()(WatchEntry* entry) const {
  const std::unique_ptr<WatchEntry> owner(entry);
  entry->loop->watchers_.erase(entry->id);
  epoll_ctl(entry->loop->epoll_.get(), EPOLL_CTL_DEL, entry->fd, nullptr);
}

void CancelTimer::operator()(TimerEntry* entry) const {
  const std::unique_ptr<TimerEntry> owner(entry);
  entry->loop->timers_.erase({entry->at, entry->id});
}

Result<Loop*> Loop::instance() {
  if (in_forked_child()) {
    return Status(Code::kInvalidUsage,
                  "this process was forked from one that used hfreduce: its control thread is not "
                  "here; start a new program (exec) or fork before the first use");
  }
  static std::mutex mutex;
  static Loop* running = nullptr;  // never destroyed: sessions may outlive static destructors
  const std::lock_guard lock(mutex);
  if (running == nullptr) {
    std::unique_ptr<Loop> loop(new Loop);
    HFR_TRY(loop->start().in_context("starting the control thread"));
    running = loop.release();
  }
  return running;
}

Status Loop::start() {
  epoll_ = UniqueFd(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_) return system_error("epoll_create1");
  wake_ = UniqueFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake_) return system_error("eventfd");
  epoll_event event = event_for(0, EPOLLIN);
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event) != 0) {
    return system_error("epoll_ctl");
  }
  const SignalsBlocked inherited;
  try {
    std::thread([this] { run(); }).detach();
  } catch (const std::system_error& error) {
    return system_error("creating a thread", error.code().value());
  }
  return {};
}

void Loop::post(std::function<void()> task) {
  if (in_forked_child()) return;
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  const std::uint64_t one = 1;
  // Fails only when the counter is at its limit, and then the thread is awake anyway.
  if (::write(wake_.get(), &one, sizeof one) < 0) return;
}

bool Loop::call(const std::function<void()>& task) {
  if (in_forked_child()) return false;
  if (on_control_thread) {
    task();
    return true;
  }
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;
  post([&] {
    task();
    const std::lock_guard lock(mutex);
    done = true;
    changed.notify_one();
  });
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return done; });
  return true;
}

Watch Loop::watch(int fd, std::uint32_t events, Watcher& watcher) {
  const std::uint64_t id = next_id_++;
  epoll_event event = event_for(id, events);
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    HFR_LOG(kError, "control", "{}", system_error("epoll_ctl").text());
    return nullptr;
  }
  watchers_[id] = &watcher;
  return Watch(new WatchEntry{this, id, fd});
}

void Loop::change(const Watch& watch, std::uint32_t events) {
  epoll_event event = event_for(watch->id, events);
  epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, watch->fd, &event);
}

Timer Loop::after(Nanoseconds delay, std::function<void()> task) {
  Timer timer(new TimerEntry{this, now_ns() + delay, next_id_++});
  timers_.emplace(std::pair(timer->at, timer->id), std::move(task));
  return timer;
}

void Loop::keep(std::unique_ptr<Resident> resident) {
  Resident* key = resident.get();
  residents_.emplace(key, std::move(resident));
}

void Loop::bury(Resident* resident) {
  const auto at = residents_.find(resident);
  if (at == residents_.end()) return;
  graveyard_.push_back(std::move(at->second));
  residents_.erase(at);
}

void Loop::bury(std::unique_ptr<Resident> resident) {
  if (resident) graveyard_.push_back(std::move(resident));
}

void Loop::run() {
  on_control_thread = true;
  pthread_setname_np(pthread_self(), "hfreduce-ctl");
  for (;;) {
    dispatch();
    run_tasks();
    run_timers();
    // The dead may bury others while they go.
    while (!graveyard_.empty()) std::exchange(graveyard_, {}).clear();
  }
}

void Loop::dispatch() {
  std::array<epoll_event, 64> events;
  int timeout = -1;
  if (!timers_.empty()) {
    const Nanoseconds left = timers_.begin()->first.first - now_ns();
    timeout =
        left <= 0 ? 0 : static_cast<int>(std::min<Nanoseconds>(left / 1'000'000 + 1, 3600'000));
  }
  const int count = epoll_wait(epoll_.get(), events.data(), events.size(), timeout);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    if (event.data.u64 == 0) {
      std::uint64_t posts;
      if (::read(wake_.get(), &posts, sizeof posts) < 0) continue;
      continue;
    }
    // An earlier event of this batch may have ended the watch.
    const auto watcher = watchers_.find(event.data.u64);
    if (watcher != watchers_.end()) watcher->second->ready(event.events);
  }
}

void Loop::run_tasks() {
  std::vector<std::function<void()>> tasks;
  {
    const std::lock_guard lock(mutex_);
    tasks.swap(tasks_);
  }
  for (const auto& task : tasks) task();
}

void Loop::run_timers() {
  const Nanoseconds now = now_ns();
  while (!timers_.empty() && timers_.begin()->first.first <= now) {
    const auto task = std::move(timers_.extract(timers_.begin()).mapped());
    task();
  }
}

}  // namespace hfreduce::bootstrap
