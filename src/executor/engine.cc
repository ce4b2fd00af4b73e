#include "executor/engine.h"

#include <fmt/core.h>
#include <sys/epoll.h>

#include <algorithm>

namespace hfreduce::executor {
namespace {

// What an awake peer on another core needs for its answer, and more: 2 us.
constexpr int kFirstLooks = 100;

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

// The first way, from this one on, for which this rank has what is asked of it; of the others it
// tells those who wait for its buffers there.
void Engine::begin_from(std::size_t way, const Operation& operation) {
  const Call& call = operation.call;
  for (; way < operation.zero_copy.size(); ++way) {
    const BoundPlan* const plan = operation.zero_copy[way].plan;
    if (plan == nullptr) break;
    if (plan->can_use(call.offer)) {
      peer_memory_.trim();
      way_ = way;
      begin(operation.zero_copy[way], call);
      return;
    }
    run_.decline(*plan, call, iterations_[plan->channel]++);
  }
  begin(operation.route, call);
}

inline void Engine::begin(const Operation& operation) {
  if (operation.zero_copy[0].plan == nullptr)
    begin(operation.route, operation.call);
  else
    begin_from(0, operation);
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
    begin_from(way_ + 1, *head_);
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

}  // namespace hfreduce::executor
