#include "executor/engine.h"

#include <fmt/core.h>
#include <sys/epoll.h>

#include <algorithm>
#include <chrono>
#include <new>
#include <thread>

#include "base/log.h"

namespace hfreduce::executor {
namespace {

// An operation looks at its links at least once in so many rounds of steps.
constexpr int kRoundsALook = 4;
// What an awake peer on another core needs for its answer, and more: 2 us.
constexpr int kFirstLooks = 100;
constexpr Nanoseconds kMs = 1'000'000;
constexpr Nanoseconds kFirstQuestion = 100 * kMs;
constexpr Nanoseconds kMostBetweenQuestions = 4'000 * kMs;
constexpr Nanoseconds kFirstLog = 10'000 * kMs;
constexpr Nanoseconds kAnswerGrace = 400 * kMs;  // for the tree to name the culprit
// Whose memory cannot be had has died, most likely, and the tree says so within a second.
constexpr Nanoseconds kUnreadableGrace = 1'500 * kMs;
constexpr Nanoseconds kBrokenLinkGrace = 300 * kMs;  // for the control tree to say why a link ended

}  // namespace

Engine::Engine(EngineOptions options, transport::Windows windows, WindowMap map,
               FailureLatch& latch)
    : options_(std::move(options)),
      latch_(latch),
      windows_(std::move(windows)),
      map_(std::move(map)),
      peers_(map_, windows_.own()),
      peer_memory_(options_.hooks.fetch_memory),
      run_(peers_, doorbell_, peer_memory_, peer_reads_),
      iterations_(options_.channels.size()) {}

Engine::~Engine() = default;

Result<std::unique_ptr<Engine>> Engine::make(EngineOptions options, transport::Windows windows,
                                             FailureLatch& latch) {
  HFR_ASSIGN(WindowMap map, WindowMap::make(options.channels, windows.bytes()));
  std::unique_ptr<Engine> engine(
      new Engine(std::move(options), std::move(windows), std::move(map), latch));
  HFR_ASSIGN(engine->doorbell_,
             transport::Doorbell::make(engine->windows_.doorbell(engine->windows_.mine())));
  HFR_TRY(engine->peer_reads_.announce(engine->windows_.process(engine->windows_.mine())));
  engine->epoll_ = UniqueFd(epoll_create1(EPOLL_CLOEXEC));
  if (!engine->epoll_) return system_error("making an epoll descriptor (open files: ulimit -n)");
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = engine->doorbell_.fd();
  if (epoll_ctl(engine->epoll_fd(), EPOLL_CTL_ADD, engine->doorbell_.fd(), &event) != 0) {
    return system_error("adding to an epoll descriptor");
  }
  if (!engine->options_.oversubscribed) engine->run_.look_first(kFirstLooks);
  engine->run_.hire(
      engine->options_.workers,
      {[](const void* self) noexcept { static_cast<const Engine*>(self)->wake(); }, engine.get()});
  return engine;
}

Result<BoundPlan> Engine::bind(const schedule::Schedule& schedule, std::size_t channel) {
  HFR_ASSIGN(
      BoundPlan plan,
      bind_plan({&map_, &windows_, options_.placement, &peers_, options_.rank}, schedule, channel));
  run_.provide(plan);
  return plan;
}

Status Engine::try_peer_reads() {
  int refused = 0;
  Status able = peer_reads_.try_all(windows_, &refused);
  if (able.ok()) return able;
  const schedule::Placement& placement = *options_.placement;
  const std::int32_t rank =
      placement.members(placement.host_of(options_.rank))[static_cast<std::size_t>(refused)];
  return Status(able.code(), fmt::format("{} cannot read the memory of {}: {}",
                                         options_.hooks.describe(options_.rank),
                                         options_.hooks.describe(rank), able.text()))
      .with_rank(rank);
}

void Engine::skip(const Signature& signature, std::uint32_t fingerprint) {
  const std::uint32_t mixed = earlier_calls_.mixed_into(fingerprint);
  history_.called(++sequence_, mixed, signature);
  if (head_ == nullptr) history_.completed(sequence_);
  earlier_calls_.add(mixed);
}

// Numbers it, and makes what its flags carry.
inline void Engine::number(Call* call) noexcept {
  call->sequence = ++sequence_;
  const std::uint32_t mixed = earlier_calls_.mixed_into(call->fingerprint);
  call->tag = {static_cast<std::uint32_t>(sequence_), mixed};
  earlier_calls_.add(mixed);
}

inline void Engine::remember(const Call& call) noexcept {
  history_.called(call.sequence, call.tag.fingerprint, call.signature);
}

inline void Engine::queue(Operation& operation) noexcept {
  operation.next = nullptr;
  (head_ == nullptr ? head_ : tail_->next) = &operation;
  tail_ = &operation;
  outstanding_.store(outstanding_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
}

inline void Engine::begin(const Route& route, const Call& call) {
  active_ = route.plan;
  run_.begin(route, call, iterations_[active_->channel]);
  last_segment_.store(route.cut.segment_bytes, std::memory_order_relaxed);
  last_plan_.store(active_, std::memory_order_release);
}

inline void Engine::begin(Operation& operation) {
  const Call& call = operation.call;
  if (const BoundPlan* plan = operation.zero_copy.plan; plan == nullptr) {
    begin(operation.route, call);
  } else if (plan->offers && call.offer.process == 0) {
    run_.decline(*plan, call, iterations_[plan->channel]++);
    begin(operation.route, call);
  } else {
    peer_memory_.trim();
    begin(operation.zero_copy, call);
  }
}

inline void Engine::begin_head() {
  Operation& operation = *head_;
  operation.state.store(Operation::State::kActive, std::memory_order_relaxed);
  begin(operation);
  head_active_ = true;
  waiting_since_ = 0;
  over_links_ = !operation.route.plan->links.empty();
  links_up_ = !over_links_;
  if (!over_links_) return;
  const Call& call = operation.call;
  peers_.open({call.output, call.elements * call.element_bytes, call.tag});
  connect_links();
}

// What its run took, and that it is over.
inline void Engine::end_run() {
  run_.end();
  iterations_[active_->channel] += run_.segments();
}

inline void Engine::finish_head() {
  Operation& operation = *head_;
  if (head_active_) {
    end_run();
    if (over_links_) peers_.close();
    head_active_ = false;
  }
  history_.completed(operation.call.sequence);
  head_ = operation.next;
  operation.state.store(Operation::State::kDone, std::memory_order_release);
  outstanding_.store(outstanding_.load(std::memory_order_relaxed) - 1, std::memory_order_release);
}

bool Engine::progress() {
  stuck_ = false;
  if (head_ == nullptr) return false;
  if (latch_.raised()) {
    fail_all(latch_.status());
    return true;
  }
  if (!head_active_) begin_head();
  bool moved = links_up_ ? false : connect_links();
  moved |= over_links_ ? advance_over_links() : run_.advance();
  if (run_.declined()) {
    ++iterations_[active_->channel];
    begin(head_->route, head_->call);
    return true;
  }
  if (!run_.failure().ok()) {
    latch_.raise(options_.hooks.blame(run_.failure(), run_.failed_peer()));
    return true;
  }
  if (run_.finished() && (!over_links_ || links_idle())) {
    finish_head();
    return true;
  }
  return moved;
}

void Engine::start(Operation& operation) {
  number(&operation.call);
  remember(operation.call);
  queue(operation);
}

// Most calls are short, and alone: their first steps need no queue, and need not wait until what
// they are has been written down.
void Engine::start_and_advance(Operation& operation) {
  if (head_ != nullptr || !operation.is_straight() || latch_.raised()) {
    start(operation);
    progress();
    return;
  }
  number(&operation.call);
  begin(operation);
  run_.advance();
  remember(operation.call);
  if (run_.finished()) {
    end_run();
    history_.completed(operation.call.sequence);
    operation.state.store(Operation::State::kDone, std::memory_order_release);
    return;
  }
  operation.state.store(Operation::State::kActive, std::memory_order_relaxed);
  queue(operation);
  head_active_ = links_up_ = true;
  over_links_ = false;
  waiting_since_ = 0;
}

void Engine::fail_all(const Status& status) {
  while (head_ != nullptr) {
    head_->status = Status(status)
                        .with_sequence(head_->call.sequence)
                        .with_phase(head_->call.signature.collective);
    finish_head();
  }
}

// ---------------------------------------------------------------- links

// Returns whether a link came up that was not.
bool Engine::connect_links() {
  bool came = false;
  links_up_ = true;
  for (const std::int32_t peer : head_->route.plan->links) {
    if (peers_.link(peer) != nullptr || broken_.count(peer) != 0) continue;
    auto link = options_.hooks.take_link(peer, peers_);
    if (!link.ok()) {
      latch_.raise(options_.hooks.blame(link.status(), peer));
    } else if (*link != nullptr) {
      peers_.set_link(peer, std::move(*link));
      came = true;
    } else {
      // Once: a second connection would take the place of the first at the other end.
      if (asked_for_.insert(peer).second) options_.hooks.connect(peer);
      links_up_ = false;
    }
  }
  return came;
}

// What a step posts leaves at once. A look at the links is a system call each, and so comes when no
// step can be done without it, or when many were.
bool Engine::advance_over_links() {
  bool moved = false;
  const auto advance = [&] {
    if (!run_.advance()) return false;
    for (const std::int32_t peer : head_->route.plan->links) send_link(peer);
    return moved = true;
  };
  for (int round = 0; round < kRoundsALook && advance(); ++round) {
    if (run_.finished() && links_idle()) return true;
  }
  const std::uint64_t before = peers_.arrivals();
  pump_links(false);
  stuck_ = peers_.arrivals() == before || !advance();
  return moved;
}

void Engine::pump_links(bool all) {
  if (!all) {
    for (const std::int32_t peer : head_->route.plan->links) pump_link(peer);
    return;
  }
  std::vector<std::int32_t> up;
  for (const auto& [peer, link] : peers_.links()) up.push_back(peer);
  for (const std::int32_t peer : up) pump_link(peer);
}

// What arrived shows in the flags.
void Engine::pump_link(std::int32_t peer) {
  transport::Link* link = peers_.link(peer);
  if (link == nullptr) return;
  if (Status status = link->progress(); !status.ok()) link_failed(peer, std::move(status));
}

void Engine::send_link(std::int32_t peer) {
  transport::Link* link = peers_.link(peer);
  if (link == nullptr) return;
  if (Status status = link->send(); !status.ok()) link_failed(peer, std::move(status));
}

// An ended link is no failure by itself: the peer may have finished rightly and left.
void Engine::link_failed(std::int32_t peer, Status status) {
  peers_.set_link(peer, nullptr);
  if (peers_.mismatched_peer() >= 0) return;  // the tree will tell
  if (status.code() == Code::kPeerDead) {
    broken_.emplace(peer, BrokenLink{std::move(status), now_ns()});
  } else {
    latch_.raise(options_.hooks.blame(std::move(status), peer));
  }
}

bool Engine::links_idle() const noexcept {
  const auto& links = head_->route.plan->links;
  return std::all_of(links.begin(), links.end(), [&](std::int32_t peer) {
    const transport::Link* link = peers_.link(peer);
    return link == nullptr || link->idle();
  });
}

void Engine::leave(int ms) {
  const Deadline deadline = Deadline::after_ms(ms);
  for (bool left = false; !left && !deadline.passed();) {
    left = true;
    pump_links(true);
    for (const auto& [peer, link] : peers_.links()) {
      if (link != nullptr && !link->leave()) left = false;
    }
    if (!left) std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
}

bool Engine::fall_asleep(bool in_epoll) {
  doorbell_.announce(in_epoll);
  if (in_epoll) {
    pump_links(true);
    for (const auto& [peer, link] : peers_.links()) {
      if (link == nullptr) continue;
      if (Status status = link->arm(epoll_fd()); !status.ok())
        latch_.raise(options_.hooks.blame(std::move(status), peer));
    }
  }
  if (!progress()) return true;
  doorbell_.awake();
  return false;
}

// ---------------------------------------------------------------- what goes wrong

void Engine::watch(Nanoseconds now) {
  if (head_ == nullptr || latch_.raised()) return;
  if (waiting_since_ == 0) {
    waiting_since_ = now;
    next_question_ = now + kFirstQuestion;
    next_log_ = now + kFirstLog;
    mismatch_since_ = unreadable_since_ = last_answer_by_ = 0;
  }
  const Call& call = head_->call;
  for (const std::int32_t peer : head_->route.plan->links) {
    const auto broken = broken_.find(peer);
    if (broken == broken_.end()) continue;
    if (now > std::max(waiting_since_, broken->second.noticed) + kBrokenLinkGrace) {
      latch_.raise(options_.hooks.blame(broken->second.why, peer));
      return;
    }
  }
  watch_mismatch(now);
  watch_unreadable(now);
  if (now >= next_question_) {
    options_.hooks.ask(call.sequence);
    next_question_ =
        now + std::min(kMostBetweenQuestions, std::max(kFirstQuestion * 3, now - waiting_since_));
  }
  if (now >= next_log_) {
    std::int32_t rank = -1;
    const std::string answer = options_.hooks.answer(call.sequence, &rank);
    const std::int32_t peer = run_.waits_for();
    HFR_LOG(kWarn, "wait", "{} (operation {}) has been waiting for {} s: {}",
            call.signature.to_string(), call.sequence, (now - waiting_since_) / (1000 * kMs),
            !answer.empty()
                ? answer
                : fmt::format("for {}", peer >= 0 ? options_.hooks.describe(peer) : "the network"));
    next_log_ = now + 3 * kFirstLog;
  }
  watch_deadline(now);
}

// Somebody made another call. The control tree compares what everyone called and names the odd one.
void Engine::watch_mismatch(Nanoseconds now) {
  const std::int32_t peer = std::max(run_.mismatched_peer(), peers_.mismatched_peer());
  if (peer < 0) return;
  const Call& call = head_->call;
  if (mismatch_since_ == 0) {
    mismatch_since_ = now;
    options_.hooks.ask(call.sequence);
  } else if (now > mismatch_since_ + kAnswerGrace) {
    std::string text =
        fmt::format("{} made another call than this rank, which called {} as operation {}",
                    options_.hooks.describe(peer), call.signature.to_string(), call.sequence);
    latch_.raise(options_.hooks.blame(Status(Code::kMismatch, std::move(text)), peer));
  }
}

// The tree knows who has died, or which rank has failed and so taken its buffer away.
void Engine::watch_unreadable(Nanoseconds now) {
  if (run_.unreadable().ok()) return;
  if (unreadable_since_ == 0) {
    unreadable_since_ = now;
  } else if (now > unreadable_since_ + kUnreadableGrace) {
    latch_.raise(options_.hooks.blame(run_.unreadable(), run_.failed_peer()));
  }
}

void Engine::watch_deadline(Nanoseconds now) {
  const Call& call = head_->call;
  if (now < waiting_since_ + call.timeout_ms * kMs) return;
  if (last_answer_by_ == 0) {  // ask once more, so that the answer is fresh
    options_.hooks.ask(call.sequence);
    last_answer_by_ = now + kAnswerGrace;
    return;
  }
  std::int32_t rank = -1;
  std::string who = options_.hooks.answer(call.sequence, &rank);
  if (who.empty() && now < last_answer_by_) return;
  if (who.empty()) {
    rank = run_.waits_for();
    who = rank >= 0 ? "waiting for " + options_.hooks.describe(rank) : "waiting for the network";
  }
  std::string text = fmt::format("{} (operation {}) did not end within its deadline of {} ms: {}",
                                 call.signature.to_string(), call.sequence, call.timeout_ms, who);
  latch_.raise(options_.hooks.blame(Status(Code::kTimeout, std::move(text)), rank));
}

}  // namespace hfreduce::executor
