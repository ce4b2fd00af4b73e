#include "comm/comm.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>

#include "base/log.h"
#include "comm/cores.h"
#include "comm/greeting.h"
#include "comm/whereabouts.h"
#include "executor/premultiply.h"
#include "memory/host_allocations.h"
#include "transport/tcp/tcp_link.h"
#include "workers/pool.h"

namespace hfreduce::comm {
namespace {

using algorithms::Collective;

constexpr int kLeaveMs = 500;

// FNV-1a, folded: differs for calls that differ, on all ranks alike.
class Fingerprint {
 public:
  Fingerprint& add(std::uint64_t value) noexcept {
    for (int byte = 0; byte < 8; ++byte) {
      hash_ = (hash_ ^ (value >> (8 * byte) & 0xff)) * 0x100000001b3ull;
    }
    return *this;
  }
  std::uint32_t folded() const noexcept {
    return static_cast<std::uint32_t>(hash_ ^ (hash_ >> 32));
  }

 private:
  std::uint64_t hash_ = 0xcbf29ce484222325ull;
};

const char* name_of(Collective collective) {
  return collective == Collective::kAllReduce ? "allreduce" : "broadcast";
}

executor::Signature signature_of(const CallShape& shape) {
  executor::Signature signature;
  signature.collective = name_of(shape.collective);
  signature.type = shape.type;
  signature.op = shape.op;
  signature.reduces = shape.collective == Collective::kAllReduce;
  signature.root = shape.collective == Collective::kBroadcast ? shape.root : -1;
  signature.count = shape.count;
  return signature;
}

kernels::ReduceFn kernel_of(kernels::DataType type, kernels::ReduceOp op) {
  return kernels::best_kernels().reduce[static_cast<int>(type)][static_cast<int>(op)];
}

// A root's result is its own input, and so is that of a rank alone.
void copy_alone(const executor::Call& call) {
  if (call.raw_input != nullptr) return executor::premultiply(call, 0, call.elements);
  const std::size_t bytes = call.elements * call.element_bytes;
  if (bytes != 0 && call.output != call.input) std::memcpy(call.output, call.input, bytes);
}

}  // namespace

Comm::Comm(const Membership& membership, CommOptions options)
    : rank_(membership.rank), ranks_(membership.ranks), options_(std::move(options)) {}

Comm::~Comm() {
  if (engine_) {
    const std::lock_guard lock(engine_->mutex());
    if (engine_->outstanding())
      latch_.raise(Status(Code::kAborted, "the communicator was destroyed"));
    while (engine_->outstanding()) engine_->progress();
    if (!latch_.raised()) engine_->leave(kLeaveMs);
  }
  if (engine_) executor::withdraw_from_background(*engine_);
  if (session_) session_->leave(engine_ ? engine_->sequence() : 0);
  session_.reset();  // from here on nobody calls the hooks
}

Result<std::unique_ptr<Comm>> Comm::join(const Membership& membership, CommOptions options) {
  std::unique_ptr<Comm> comm(new Comm(membership, std::move(options)));
  if (comm->ranks_ == 1) {
    HFR_TRY(Status(comm->options_.refusal));
  } else if (Status status = comm->join_others(membership); !status.ok()) {
    return std::move(status).with_phase("join");
  }
  return comm;
}

Status Comm::join_others(const Membership& membership) {
  bootstrap::JoinOptions join;
  join.id = membership.id;
  join.rank = rank_;
  join.ranks = ranks_;
  Greeting greeting = Greeting::from(options_.settings, options_.refusal);
  greeting.here = Whereabouts::read(options_.settings);
  join.greeting = greeting.pack();
  join.window_bytes = kWindowBytes;
  join.settings = &options_.settings;
  join.init_timeout_ms = static_cast<std::int32_t>(options_.init_timeout_ms);
  HFR_ASSIGN(session_, bootstrap::Session::join(join, latch_, session_hooks()));
  HFR_TRY(agree(session_->greetings()));
  if (Status failure = make_engine(); !failure.ok()) {
    // The others have joined and would wait for this rank until their deadline.
    failure = std::move(failure).with_rank(
        rank_, session_->members()[static_cast<std::size_t>(rank_)].host);
    session_->spread(failure);
    return failure;
  }
  // Nobody may use a window before every rank of its host stands behind it.
  auto ready = session_->exchange(measured_plans(), Deadline::after_ms(options_.init_timeout_ms));
  HFR_TRY(ready.status());
  HFR_ASSIGN(facts_.tuning, planner::Tuning::parse(ready->front()));
  if (placement_->hosts() == 1) HFR_TRY(agree_on_peer_reads());
  if (rank_ == 0 && options_.settings.explain != 0) explain();
  return {};
}

Status Comm::agree(const std::vector<std::string>& greetings) {
  std::vector<std::string> cores;
  std::vector<NearLabels> near;
  for (std::size_t rank = 0; rank < greetings.size(); ++rank) {
    HFR_ASSIGN(const Greeting greeting, Greeting::unpack(greetings[rank]));
    const auto who = static_cast<std::int32_t>(rank);
    if (!greeting.refusal.empty() && who == rank_) return options_.refusal;
    if (!greeting.refusal.empty()) {
      return Status(Code::kRemoteError,
                    fmt::format("{} cannot take part: {}", describe(who), greeting.refusal))
          .with_rank(who);
    }
    if (greeting.version != Greeting::from({}, {}).version) {
      return Status(
          Code::kInvalidUsage,
          fmt::format(
              "{} uses version {} of hfreduce, this rank {}: install one version everywhere",
              describe(who), greeting.version, Greeting::from({}, {}).version));
    }
    cores.push_back(greeting.here.cores);
    near.push_back(greeting.here.near);
  }
  HFR_ASSIGN(const Greeting wanted, Greeting::unpack(greetings[0]));
  std::vector<std::int32_t> host_of;
  for (const bootstrap::Member& member : session_->members()) host_of.push_back(member.same_host);
  placement_ = std::make_unique<schedule::Placement>(host_of, group_levels(host_of, near));
  grouping_ = explain_groups(*placement_, near);
  facts_.placement = placement_.get();
  const std::int32_t known_cores = cores_in(cores);
  facts_.crowded = placement_->hosts() == 1 && known_cores > 0 && known_cores < ranks_;
  HFR_TRY(planner::check_forced(wanted.algorithm));
  facts_.forced = wanted.algorithm;
  if (const std::string lost = planner::explain_forced(facts_); !lost.empty() && rank_ == 0)
    HFR_LOG(kWarn, "plan", "{}", lost.substr(1));
  facts_.segment_bytes = static_cast<std::uint32_t>(wanted.segment);
  facts_.leaders = planner::choose_leaders(*placement_, std::max<std::int64_t>(0, wanted.leaders));
  sockets_ = static_cast<std::int32_t>(std::clamp<std::int64_t>(wanted.sockets, 1, 16));
  checksum_ = wanted.checksum != 0;
  Whereabouts mine;
  std::vector<Whereabouts> on_host;
  for (const std::int32_t rank : placement_->members(placement_->host_of(rank_))) {
    HFR_ASSIGN(const Greeting mate, Greeting::unpack(greetings[static_cast<std::size_t>(rank)]));
    on_host.push_back(mate.here);
    if (rank == rank_) mine = mate.here;
  }
  workers_ = choose_workers(options_.settings.workers, mine, on_host);
  return {};
}

Status Comm::make_engine() {
  if (placement_->hosts() > 1) {
    HFR_ASSIGN(congestion_, transport::choose_congestion(options_.settings.congestion));
  }
  executor::EngineOptions options;
  options.rank = rank_;
  options.placement = placement_.get();
  options.oversubscribed =
      static_cast<int>(placement_->members(placement_->host_of(rank_)).size()) > usable_cores();
  options.hooks = engine_hooks();
  options.workers = workers_;
  if (workers_ > 0) workers::Pool::instance().settle(own_nodes());
  for (const algorithms::Algorithm& algorithm : algorithms::all()) {
    if (!algorithm.applies(*placement_)) continue;
    channels_[&algorithm] = options.channels.size();
    options.channels.push_back(
        {algorithm.layout(request(0)), planner::segment_capacity(algorithm, *placement_)});
  }
  bootstrap::HostMemory memory = session_->take_host_memory();
  const auto local = static_cast<int>(memory.ranks.size());
  auto windows = memory.fd.valid() && local > 1
                     ? transport::Windows::shared(memory.fd.get(), kWindowBytes, local,
                                                  placement_->local_rank(rank_))
                     : transport::Windows::alone(kWindowBytes);
  HFR_TRY(windows.status());
  HFR_ASSIGN(engine_,
             executor::Engine::make(std::move(options), std::move(windows).value(), latch_));
  latch_.on_raise([this](const Status& failure) {
    session_->spread(failure);
    engine_->wake();
  });
  published_engine_.store(engine_.get(), std::memory_order_release);
  return {};
}

// Every rank tries to read from every other one; if all can, all do. An answer is why not.
Status Comm::agree_on_peer_reads() {
  std::string mine;
  if (options_.settings.peer_reads == 0) {
    mine = fmt::format("HFREDUCE_PEER_READS is 0 for {}", describe(rank_));
  } else if (const Status able = engine_->try_peer_reads(); !able.ok()) {
    mine = able.text();
  }
  const auto answers = session_->exchange(mine, Deadline::after_ms(options_.init_timeout_ms));
  HFR_TRY(answers.status());
  for (const std::string& answer : *answers)
    if (no_peer_reads_.empty()) no_peer_reads_ = answer;
  if (!no_peer_reads_.empty()) return {};
  engine_->allow_peer_reads();
  facts_.peer_reads = facts_.crowded ? planner::PeerReads::kShared : planner::PeerReads::kGranted;
  return {};
}

// ---------------------------------------------------------------- what engine and session ask

bootstrap::SessionHooks Comm::session_hooks() {
  bootstrap::SessionHooks hooks;
  hooks.call_state = [this](std::uint64_t sequence) { return call_state(sequence); };
  hooks.wake = [this] {
    if (const executor::Engine* engine = published_engine_.load(std::memory_order_acquire))
      engine->wake();
  };
  return hooks;
}

bootstrap::CallState Comm::call_state(std::uint64_t sequence) const {
  bootstrap::CallState state;
  const executor::Engine* engine = published_engine_.load(std::memory_order_acquire);
  if (engine == nullptr) return state;
  const executor::History::Entry entry = engine->history().find(sequence);
  state.phase = static_cast<bootstrap::CallState::Phase>(entry.phase);
  state.called = entry.called;
  state.waiting = entry.waiting;
  state.fingerprint = entry.fingerprint;
  state.description = entry.description.substr(0, 100);
  return state;
}

executor::EngineHooks Comm::engine_hooks() {
  executor::EngineHooks hooks;
  hooks.connect = [this](std::int32_t peer) {
    for (std::int32_t lane = 0; lane < sockets_; ++lane) session_->connect_link(peer, lane);
  };
  hooks.take_link = [this](std::int32_t peer, transport::Inbox& inbox) {
    return take_link(peer, inbox);
  };
  hooks.ask = [this](std::uint64_t sequence) { session_->ask(sequence); };
  hooks.answer = [this](std::uint64_t sequence, std::int32_t* rank) {
    return answer(sequence, rank);
  };
  hooks.fetch_memory = [this](std::uint64_t process, std::uint64_t object) {
    return fetch_memory(process, object);
  };
  hooks.describe = [this](std::int32_t rank) { return describe(rank); };
  hooks.blame = [this](Status failure, std::int32_t rank) {
    if (rank < 0) return failure;
    return std::move(failure).with_rank(rank,
                                        session_->members()[static_cast<std::size_t>(rank)].host);
  };
  return hooks;
}

Result<std::unique_ptr<transport::Link>> Comm::take_link(std::int32_t peer,
                                                         transport::Inbox& inbox) {
  auto& sockets = connecting_[peer];
  sockets.resize(static_cast<std::size_t>(sockets_));
  bool complete = true;
  for (std::int32_t lane = 0; lane < sockets_; ++lane) {
    UniqueFd& socket = sockets[static_cast<std::size_t>(lane)];
    if (!socket) socket = session_->take_link(peer, lane);
    complete &= socket.valid();
  }
  if (!complete) return std::unique_ptr<transport::Link>();
  transport::TcpLinkOptions options;
  options.peer = peer;
  options.host = session_->members()[static_cast<std::size_t>(peer)].host;
  options.sockets = std::move(sockets);
  options.checksum = checksum_;
  options.congestion = congestion_;
  options.inbox = &inbox;
  connecting_.erase(peer);
  return transport::make_tcp_link(std::move(options));
}

std::string Comm::describe(std::int32_t rank) const {
  const bootstrap::Member& member = session_->members()[static_cast<std::size_t>(rank)];
  return fmt::format("rank {} on host {} (pid {})", rank, member.host, member.pid);
}

std::string Comm::answer(std::uint64_t sequence, std::int32_t* rank) const {
  const auto diagnosis = session_->diagnosis();
  if (!diagnosis || diagnosis->sequence != sequence || diagnosis->absent.empty()) return {};
  *rank = diagnosis->absent.front();
  std::string text = describe(diagnosis->absent.front());
  constexpr std::size_t kMostNamed = 8;
  for (std::size_t i = 1; i < std::min(kMostNamed, diagnosis->absent.size()); ++i) {
    text += ", " + describe(diagnosis->absent[i]);
  }
  if (diagnosis->absent.size() > kMostNamed)
    text += fmt::format(" and {} more", diagnosis->absent.size() - kMostNamed);
  return text + (diagnosis->absent.size() == 1 ? " has" : " have") + " not called it";
}

// ---------------------------------------------------------------- collectives

algorithms::Request Comm::request(std::int32_t root) const {
  return {placement_.get(), root, facts_.leaders};
}

Result<executor::BoundPlan*> Comm::plan_for(const algorithms::Algorithm& algorithm,
                                            std::int32_t root) {
  std::unique_ptr<executor::BoundPlan>& plan = plans_[{&algorithm, root}];
  if (!plan) {
    const schedule::Schedule schedule = algorithm.emit(request(root), rank_);
    const std::lock_guard lock(engine_->mutex());
    HFR_ASSIGN(executor::BoundPlan bound, engine_->bind(schedule, channels_.at(&algorithm)));
    plan = std::make_unique<executor::BoundPlan>(std::move(bound));
    plan->algorithm = algorithm.name;
  }
  return plan.get();
}

// Both buffers of an allreduce, or the root's input, if peers can map them; else the root's input
// if they can read it all the same.
Status Comm::offer_buffers(PlannedCall* planned, executor::Call* call) const {
  PlannedCall::Looked& looked = planned->looked;
  if (looked.input != call->input || looked.output != call->output ||
      looked.version != memory::host_allocations().version())
    HFR_TRY(look_up_buffers(planned, *call));
  call->offer = looked.offer;
  using planner::OffersPrivate;
  const OffersPrivate offers = planned->offers_private;
  if (call->offer.process != 0 || offers == OffersPrivate::kNever) return {};
  const bool if_slow = offers == OffersPrivate::kIfSlow ||
                       (offers == OffersPrivate::kOutOfPlaceIfSlow && call->input != call->output);
  if (offers == OffersPrivate::kAlways || (if_slow && engine_->better_read()))
    call->offer = engine_->peer_reads().offer(call->input, call->elements * call->element_bytes);
  return {};
}

Status Comm::look_up_buffers(PlannedCall* planned, const executor::Call& call) const {
  const memory::HostAllocations& table = memory::host_allocations();
  PlannedCall::Looked looked{call.input, call.output, table.version(), {}};
  const bool output_too = planned->shape.collective == Collective::kAllReduce;
  const std::uint64_t bytes = call.elements * call.element_bytes;
  const auto input = table.find(call.input, bytes);
  const auto output = output_too ? table.find(call.output, bytes) : input;
  if (input && output) {
    HFR_ASSIGN(looked.offer.process, bootstrap::serve_memory([&table](std::uint64_t number) {
                 return table.duplicate(number);
               }));
    looked.offer.input = {input->id, input->offset};
    if (output_too) looked.offer.output = {output->id, output->offset};
  }
  planned->looked = looked;
  return {};
}

// A request is sent once, and asked for its answer until that is there.
Result<UniqueFd> Comm::fetch_memory(std::uint64_t process, std::uint64_t object) {
  const std::pair key(process, object);
  auto request = asked_memory_.find(key);
  if (request == asked_memory_.end())
    request = asked_memory_.try_emplace(key, process, object).first;
  auto answer = request->second.poll();
  if (!answer.ok() || answer->valid()) asked_memory_.erase(request);
  return answer;
}

// Where it may not call.
Status Comm::why_not() const {
  if (latch_.raised()) return latch_.status();
  return Status(Code::kInvalidUsage, "the communicator was finalized: no operation may follow");
}

Status Comm::prepare(const CollectiveCall& call, executor::Operation& operation) {
  if (!may_call()) return why_not();
  HFR_ASSIGN(PlannedCall* const planned, plan_of(call));
  operation.plan_like(planned->operation);
  return bind({call.send, call.receive, call.scalar, call.timeout_ms}, *planned, operation);
}

inline Status Comm::bind(const Buffers& buffers, PlannedCall& planned,
                         executor::Operation& operation) const {
  executor::Call& bound = operation.call;
  bound.input = static_cast<const std::byte*>(planned.reads_send ? buffers.send : buffers.receive);
  bound.output = static_cast<std::byte*>(buffers.receive);
  bound.timeout_ms = buffers.timeout_ms >= 0 ? buffers.timeout_ms : options_.timeout_ms;
  if (bound.multiply != nullptr) {
    bound.raw_input = bound.input;
    bound.input = bound.output;
    bound.scalar = buffers.scalar;
  }
  const executor::BoundPlan* zero_copy = operation.zero_copy.plan;
  return zero_copy != nullptr && zero_copy->offers ? offer_buffers(&planned, &bound) : Status();
}

// Valid until the next call.
Result<PlannedCall*> Comm::plan_of(const CollectiveCall& call) {
  const CallShape shape{call.collective, call.type, call.op, call.root, call.count};
  const CallKey key = key_of(shape);
  PlannedCall& planned = call.algorithm == nullptr ? recent_calls_.place_of(key) : forced_call_;
  if (call.algorithm == nullptr && planned.key == key) return &planned;
  planned.key = {};  // until all has gone well
  HFR_TRY(plan_call(shape, call.algorithm != nullptr ? call.algorithm : "", &planned));
  planned.key = key;
  return &planned;
}

// What does not depend on the buffers.
Status Comm::plan_call(const CallShape& shape, std::string_view forced, PlannedCall* planned) {
  planned->shape = shape;
  planned->reads_send = shape.collective == Collective::kAllReduce || shape.root == rank_;
  planned->looked = {};
  executor::Operation& operation = planned->operation;
  operation.route = operation.zero_copy = {};
  operation.state.store(executor::Operation::State::kDone, std::memory_order_relaxed);
  executor::Call& call = operation.call = {};
  call.signature = signature_of(shape);
  const bool reduces = shape.collective == Collective::kAllReduce;
  // Bytes are bytes to a broadcast.
  const kernels::DataType type = reduces ? shape.type : kernels::DataType::kUint8;
  call.element_bytes = static_cast<std::uint32_t>(kernels::size_of(type));
  call.elements = shape.count * kernels::size_of(shape.type) / call.element_bytes;
  const kernels::ReduceOp op = reduces ? shape.op : kernels::ReduceOp::kSum;
  const bool multiplies = op == kernels::ReduceOp::kPreMulSum;
  call.reduce = kernel_of(type, multiplies ? kernels::ReduceOp::kSum : op);
  if (multiplies) call.multiply = kernel_of(type, kernels::ReduceOp::kProd);
  call.divisor = op == kernels::ReduceOp::kAvg ? ranks_ : 0;
  const std::uint64_t bytes = planned->bytes = call.elements * call.element_bytes;
  if (ranks_ == 1) return {};
  const std::int32_t root = std::max(shape.root, 0);
  HFR_ASSIGN(const planner::Choice choice,
             planner::choose(facts_, {shape.collective, bytes, forced}));
  const auto route_by = [&](const algorithms::Algorithm& algorithm, std::uint32_t segment_bytes,
                            executor::Route* route) -> Status {
    HFR_ASSIGN(const executor::BoundPlan* const plan, plan_for(algorithm, root));
    *route = executor::make_route(*plan, std::max<std::uint64_t>(1, call.elements),
                                  call.element_bytes, segment_bytes);
    return {};
  };
  HFR_TRY(route_by(*choice.algorithm, choice.segment_bytes, &operation.route));
  if (choice.zero_copy != nullptr)
    HFR_TRY(route_by(*choice.zero_copy, choice.zero_copy_segment_bytes, &operation.zero_copy));
  planned->offers_private = choice.offers_private;
  call.fingerprint =
      Fingerprint()
          .add(static_cast<std::uint64_t>(shape.collective) << 32 |
               static_cast<std::uint64_t>(shape.type) << 16 | static_cast<std::uint64_t>(shape.op))
          .add(shape.count)
          .add(static_cast<std::uint64_t>(static_cast<std::int64_t>(shape.root)))
          .add(channels_.at(choice.algorithm) << 32 | choice.segment_bytes)
          .folded();
  return {};
}

inline void Comm::start_now(executor::Operation& operation) {
  if (ranks_ > 1 && operation.call.elements != 0) {
    engine_->start(operation);
    return;
  }
  if (ranks_ == 1) copy_alone(operation.call);
  if (ranks_ > 1) engine_->skip(operation.call.signature, operation.call.fingerprint);
  operation.state.store(executor::Operation::State::kDone, std::memory_order_release);
}

void Comm::start(executor::Operation& operation) { start_now(operation); }

Status Comm::run(executor::Operation& operation) {
  if (ranks_ == 1) {
    start_now(operation);
    return {};
  }
  {
    const std::lock_guard lock(engine_->mutex());
    start_now(operation);
    executor::drive_operation(*engine_, operation);
  }
  if (engine_->outstanding()) executor::drive_in_background(*engine_);
  return std::move(operation.status);
}

Status Comm::run(const CollectiveCall& call) {
  if (!may_call()) return why_not();
  HFR_ASSIGN(PlannedCall* const planned, plan_of(call));
  return run_again(*planned, {call.send, call.receive, call.scalar, call.timeout_ms});
}

Status Comm::run_again(PlannedCall& planned, const Buffers& buffers) {
  if (!may_call()) return why_not();
  executor::Operation& operation = planned.operation;
  if (!operation.done())
    return Status(Code::kInvalidUsage,
                  "another thread is in the same call of this communicator: one thread at a time "
                  "may use it");
  HFR_TRY(bind(buffers, planned, operation));
  operation.state.store(executor::Operation::State::kQueued, std::memory_order_relaxed);
  return run(operation);
}

Status Comm::finalize() {
  if (engine_) {
    executor::Engine* const engines[] = {engine_.get()};
    executor::drive_until(engines, [&] { return !engine_->outstanding(); });
  }
  finalized_ = true;
  return latch_.status();
}

void Comm::abort() {
  latch_.raise(
      Status(Code::kAborted, ranks_ == 1
                                 ? "the communicator was aborted"
                                 : fmt::format("{} aborted the communicator", describe(rank_)))
          .with_rank(rank_,
                     session_ ? session_->members()[static_cast<std::size_t>(rank_)].host : ""));
}

}  // namespace hfreduce::comm
