#include "comm/comm.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/log.h"
#include "comm/cores.h"
#include "comm/greeting.h"
#include "comm/whereabouts.h"
#include "transport/tcp/tcp_link.h"
#include "workers/pool.h"

namespace hfreduce::comm {
namespace {

constexpr int kLeaveMs = 500;

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
    // What this rank knows to be wrong comes first, whatever became of telling the others.
    if (!comm->options_.refusal.ok()) status = comm->options_.refusal;
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
  HFR_TRY(agree(session_->greetings()));  // which all ranks do alike
  Status failure = set_up();
  if (failure.ok()) return {};
  // The others have joined and would wait for this rank until their deadline.
  failure = std::move(failure).with_rank(rank_,
                                         session_->members()[static_cast<std::size_t>(rank_)].host);
  session_->spread(failure);
  return failure;
}

Status Comm::set_up() {
  HFR_TRY(make_engine());
  // Nobody may use a window before every rank of its host stands behind it.
  auto ready = session_->exchange(measured_plans(), Deadline::after_ms(options_.init_timeout_ms));
  HFR_TRY(ready.status());
  HFR_ASSIGN(facts_.tuning, planner::Tuning::parse(ready->front()));
  if (placement_->hosts() == 1) HFR_TRY(agree_on_peer_reads());
  if (rank_ == 0 && options_.settings.explain != 0) explain();
  return {};
}

Status Comm::agree(const std::vector<std::string>& greetings) {
  std::vector<Whereabouts> where;
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
    where.push_back(greeting.here);
    near.push_back(greeting.here.near);
  }
  HFR_ASSIGN(const Greeting wanted, Greeting::unpack(greetings[0]));
  std::vector<std::int32_t> host_of;
  for (const bootstrap::Member& member : session_->members()) host_of.push_back(member.same_host);
  placement_ = std::make_unique<schedule::Placement>(host_of, group_levels(host_of, near));
  grouping_ = explain_groups(*placement_, near);
  facts_.placement = placement_.get();
  facts_.crowded = placement_->hosts() == 1 ? outnumber_cores(where) : crowd_a_machine(where);
  HFR_TRY(planner::check_forced(wanted.algorithm));
  facts_.forced = wanted.algorithm;
  if (const std::string lost = planner::explain_forced(facts_); !lost.empty() && rank_ == 0)
    HFR_LOG(kWarn, "plan", "{}", lost.substr(1));
  facts_.segment_bytes = static_cast<std::uint32_t>(wanted.segment);
  facts_.leaders = static_cast<std::int32_t>(std::clamp<std::int64_t>(wanted.leaders, 0, ranks_));
  sockets_ = static_cast<std::int32_t>(std::clamp<std::int64_t>(wanted.sockets, 1, 16));
  checksum_ = wanted.checksum != 0;
  Whereabouts mine;
  std::vector<Whereabouts> on_host;
  for (const std::int32_t rank : placement_->members(placement_->host_of(rank_))) {
    HFR_ASSIGN(const Greeting mate, Greeting::unpack(greetings[static_cast<std::size_t>(rank)]));
    on_host.push_back(mate.here);
    if (rank == rank_) mine = mate.here;
  }
  oversubscribed_ = outnumber_cores(on_host);
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
  options.oversubscribed = oversubscribed_;
  options.hooks = engine_hooks();
  options.workers = workers_;
  if (workers_ > 0) workers::Pool::instance().settle(own_nodes());
  for (const algorithms::Algorithm& algorithm : algorithms::all()) {
    if (!algorithm.applies(*placement_)) continue;
    channels_[&algorithm] = options.channels.size();
    options.channels.push_back({algorithm.layout(request(algorithm, 0)),
                                planner::segment_capacity(algorithm, *placement_)});
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
