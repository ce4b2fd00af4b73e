#include "bootstrap/session.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "base/log.h"
#include "bootstrap/host_group.h"
#include "bootstrap/node.h"
#include "bootstrap/this_host.h"
#include "bootstrap/tree_shape.h"

namespace hfreduce::bootstrap {
namespace {

constexpr std::int64_t kGroupMs = 5000;  // to get hold of shared memory
constexpr std::int64_t kGraceMs =
    1000;                              // the rendezvous speaks first when time is up: it knows who
constexpr std::int64_t kSliceMs = 50;  // how often a wait looks at the latch
constexpr std::size_t kMostBytes = 4096;  // of a greeting or an exchange

struct Detach {
  Loop* loop;
  void operator()(Node* node) const {
    loop->call([node] { node->detach(); });
  }
};
// A node as its session holds it: the node itself ends when the tree needs it no more.
using NodeHandle = std::unique_ptr<Node, Detach>;

Status too_long(const char* what, std::size_t bytes) {
  return Status(Code::kInvalidArgument,
                fmt::format("{} of {} bytes: at most {} go", what, bytes, kMostBytes));
}

// Waits until `ready` (called with the front's lock held) or a failure.
template <typename Ready>
Status wait_for(NodeFront& front, Deadline deadline, const FailureLatch& latch, Ready ready) {
  std::unique_lock lock(front.mutex);
  for (;;) {
    if (!front.failure.ok()) return front.failure;
    if (ready()) return {};
    if (latch.raised()) return latch.status();
    if (deadline.passed()) return Status(Code::kTimeout, "");
    front.changed.wait_for(lock, std::chrono::milliseconds(deadline.left_ms(kSliceMs)));
  }
}

// One rank: no thread, no socket, no peers.
class LoneSession final : public Session {
 public:
  explicit LoneSession(const JoinOptions& options) : greetings_{options.greeting} {
    members_.push_back(Member{host_name(), getpid(), {}, 0});
  }
  std::int32_t rank() const noexcept override { return 0; }
  const std::vector<Member>& members() const noexcept override { return members_; }
  const std::vector<std::string>& greetings() const noexcept override { return greetings_; }
  HostMemory take_host_memory() override { return {UniqueFd(), {0}}; }
  Result<std::vector<std::string>> exchange(std::string_view mine, Deadline) override {
    return std::vector<std::string>{std::string(mine)};
  }
  void spread(const Status&) override {}
  void ask(std::uint64_t) override {}
  std::optional<Diagnosis> diagnosis() const override { return std::nullopt; }
  void connect_link(std::int32_t, std::int32_t) override {}
  UniqueFd take_link(std::int32_t, std::int32_t) override { return {}; }
  void leave(std::uint64_t) override {}

 private:
  std::vector<Member> members_;
  std::vector<std::string> greetings_;
};

class TreeSession final : public Session {
 public:
  TreeSession(Reception& reception, const JoinOptions& options, FailureLatch& latch)
      : loop_(reception.loop()),
        latch_(latch),
        rank_(options.rank),
        node_(new_node(reception, options), Detach{&loop_}) {}

  Status join(const JoinOptions& options, SessionHooks hooks);

  std::int32_t rank() const noexcept override { return rank_; }
  const std::vector<Member>& members() const noexcept override { return members_; }
  const std::vector<std::string>& greetings() const noexcept override { return greetings_; }
  HostMemory take_host_memory() override { return std::move(memory_); }
  Result<std::vector<std::string>> exchange(std::string_view mine, Deadline deadline) override;
  void spread(const Status& failure) override {
    if (!failure.ok()) loop_.post([node = node_.get(), failure] { node->fail(failure); });
  }
  void ask(std::uint64_t sequence) override {
    loop_.post([node = node_.get(), sequence] { node->ask(sequence); });
  }
  std::optional<Diagnosis> diagnosis() const override {
    const std::lock_guard lock(node_->front().mutex);
    return node_->front().diagnosis;
  }
  void connect_link(std::int32_t peer, std::int32_t lane) override {
    loop_.post([node = node_.get(), peer, lane] { node->connect_link(peer, lane); });
  }
  UniqueFd take_link(std::int32_t peer, std::int32_t lane) override;
  // Waits for the control thread, not for peers: the farewell must be on its way before this
  // process may end.
  void leave(std::uint64_t operations) override {
    loop_.call([&] { node_->leave(operations); });
  }

 private:
  static Node* new_node(Reception& reception, const JoinOptions& options) {
    auto node = std::make_unique<Node>(reception, options);
    Node* const raw = node.get();
    reception.loop().call([&] { reception.loop().keep(std::move(node)); });
    return raw;
  }
  Status join_steps(const JoinOptions& options);
  Status introduce(const JoinOptions& options, Deadline patience);
  Status share_memory(const JoinOptions& options, Deadline patience);
  Status settle_hosts(GroupOutcome outcome, Deadline patience);
  Status explain_timeout(std::uint32_t round);
  Result<std::vector<std::string>> all_to_all(std::string mine, Deadline deadline);

  Loop& loop_;
  FailureLatch& latch_;
  const std::int32_t rank_;
  NodeHandle node_;
  std::uint32_t rounds_ = 0;
  std::vector<Member> members_;
  std::vector<std::string> greetings_;
  std::vector<std::string> hints_;
  HostMemory memory_;
};

Status TreeSession::join(const JoinOptions& options, SessionHooks hooks) {
  const Status status = join_steps(options);
  loop_.call([&] {
    if (status.ok()) {
      node_->joined(members_, latch_, std::move(hooks));
    } else {
      node_->fail(status);
    }
  });
  const std::lock_guard lock(node_->front().mutex);
  return node_->front().failure;
}

Status TreeSession::join_steps(const JoinOptions& options) {
  const Deadline deadline = Deadline::after_ms(options.init_timeout_ms);
  const Deadline patience = Deadline::after_ms(options.init_timeout_ms + kGraceMs);
  loop_.post([node = node_.get(), deadline] { node->start(deadline); });
  NodeFront& front = node_->front();
  Status status = wait_for(front, patience, latch_, [&] { return front.edge_stands; });
  if (status.code() == Code::kTimeout && status.text().empty()) {
    return Status(Code::kTimeout,
                  fmt::format("rank {} waited {:.3g} s for its place in the control tree: the "
                              "rendezvous or rank {}, its parent, is stopped or cannot be reached",
                              rank_, options.init_timeout_ms / 1e3, parent_of(rank_)));
  }
  HFR_TRY(status);
  HFR_TRY(introduce(options, patience));
  return share_memory(options, patience);
}

Status TreeSession::introduce(const JoinOptions& options, Deadline patience) {
  Introduction mine;
  mine.host = host_name();
  mine.pid = getpid();
  mine.host_hint = host_hint(*options.settings);
  mine.window_bytes = options.window_bytes;
  mine.greeting = options.greeting;
  Address own, root;
  {
    const std::lock_guard lock(node_->front().mutex);
    own = node_->front().address;
    root = *node_->front().root;
  }
  mine.address = own;
  HFR_ASSIGN(const auto book, all_to_all(encode(mine), patience));
  for (std::size_t rank = 0; rank < book.size(); ++rank) {
    auto other = decode_introduction(book[rank]);
    if (!other) {
      return Status(Code::kProtocolError,
                    fmt::format("rank {} introduced itself with nonsense", rank));
    }
    members_.push_back(
        Member{other->host, other->pid, seen_from_here(other->address, own, root), 0});
    greetings_.push_back(std::move(other->greeting));
    hints_.push_back(std::move(other->host_hint));
    if (hints_.back() != mine.host_hint || other->window_bytes == mine.window_bytes) continue;
    return Status(Code::kMismatch,
                  fmt::format("rank {} has shared windows of {} bytes, rank {} of {}: the same "
                              "settings must be given to all ranks",
                              rank, other->window_bytes, rank_, mine.window_bytes));
  }
  return {};
}

Status TreeSession::share_memory(const JoinOptions& options, Deadline patience) {
  GroupPlan plan;
  plan.job = options.id.job;
  plan.secret = options.id.secret;
  plan.rank = rank_;
  plan.window_bytes = options.window_bytes;
  plan.deadline = Deadline::after_ms(kGroupMs);
  plan.give_up = [this] {
    const std::lock_guard lock(node_->front().mutex);
    return !node_->front().failure.ok() || latch_.raised();
  };
  const std::string& mine = hints_[static_cast<std::size_t>(rank_)];
  for (std::size_t rank = 0; rank < hints_.size(); ++rank) {
    if (hints_[rank] == mine) plan.candidates.push_back(static_cast<std::int32_t>(rank));
  }
  auto outcome = form_group(plan);
  if (!outcome.ok()) {
    return outcome.status()
        .in_context(fmt::format("rank {} on host {} (pid {})", rank_, host_name(), getpid()))
        .with_rank(rank_, host_name());
  }
  return settle_hosts(std::move(outcome).value(), patience);
}

// Everybody says whose memory it holds; ranks that hold the same are one host.
Status TreeSession::settle_hosts(GroupOutcome outcome, Deadline patience) {
  HFR_ASSIGN(const auto book, all_to_all(Writer().i32(outcome.leader).take(), patience));
  for (std::size_t rank = 0; rank < book.size(); ++rank) {
    Reader reader(book[rank]);
    const std::int32_t leader = reader.i32();
    if (!reader.done() || leader < 0 || leader > static_cast<std::int32_t>(rank) ||
        hints_[static_cast<std::size_t>(leader)] != hints_[rank]) {
      return Status(Code::kProtocolError,
                    fmt::format("rank {} claims to share memory with rank {}", rank, leader));
    }
    members_[rank].same_host = leader;
    if (leader == outcome.leader) memory_.ranks.push_back(static_cast<std::int32_t>(rank));
  }
  if (memory_.ranks.size() > 1) memory_.fd = std::move(outcome.fd);
  return {};
}

Result<std::vector<std::string>> TreeSession::exchange(std::string_view mine, Deadline deadline) {
  if (mine.size() > kMostBytes) return too_long("an exchange", mine.size());
  return all_to_all(std::string(mine), deadline);
}

Result<std::vector<std::string>> TreeSession::all_to_all(std::string mine, Deadline deadline) {
  if (in_forked_child()) return Loop::instance().status();
  const std::uint32_t round = rounds_++;
  loop_.post([node = node_.get(), round, mine] { node->contribute(round, mine); });
  NodeFront& front = node_->front();
  const Status status =
      wait_for(front, deadline, latch_, [&] { return front.books.contains(round); });
  if (status.code() == Code::kTimeout && status.text().empty()) return explain_timeout(round);
  HFR_TRY(status);
  const std::lock_guard lock(front.mutex);
  return std::move(front.books.extract(round).mapped());
}

Status TreeSession::explain_timeout(std::uint32_t round) {
  RankSet missing;
  loop_.call([&] { missing = node_->missing(round); });
  const std::string whom =
      missing.empty()
          ? "the other ranks"
          : fmt::format("rank{} {}", missing.count() == 1 ? "" : "s", missing.to_string());
  return Status(
             Code::kTimeout,
             fmt::format("time is up: {} waited in an exchange with all ranks; rank {} still waits "
                         "for {}",
                         round < 2 ? "joining" : "setting up", rank_, whom))
      .with_rank(missing.empty() ? -1 : missing.lowest());
}

UniqueFd TreeSession::take_link(std::int32_t peer, std::int32_t lane) {
  NodeFront& front = node_->front();
  const std::lock_guard lock(front.mutex);
  const auto link = front.links.find({peer, lane});
  if (link == front.links.end()) return {};
  UniqueFd fd = std::move(link->second);
  front.links.erase(link);
  return fd;
}

Status check(const JoinOptions& options) {
  if (options.ranks < 1 || options.rank < 0 || options.rank >= options.ranks) {
    return Status(Code::kInvalidArgument,
                  fmt::format("rank {} of {}: ranks are 0 to n - 1, n at least 1", options.rank,
                              options.ranks));
  }
  if (options.greeting.size() > kMostBytes) return too_long("a greeting", options.greeting.size());
  if (options.init_timeout_ms < 1 || options.settings == nullptr) {
    return Status(Code::kInvalidArgument, "joining needs settings and a positive time limit");
  }
  if (options.ranks > 1 && options.id.addresses.empty()) {
    return Status(Code::kInvalidArgument, "the unique id holds no address");
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Session>> Session::join(const JoinOptions& options, FailureLatch& latch,
                                               SessionHooks hooks) {
  HFR_TRY(check(options));
  if (options.ranks == 1) return std::unique_ptr<Session>(new LoneSession(options));
  HFR_ASSIGN(Reception* const reception, Reception::instance(*options.settings));
  auto session = std::make_unique<TreeSession>(*reception, options, latch);
  HFR_TRY(session->join(options, std::move(hooks)).with_phase("join"));
  return std::unique_ptr<Session>(std::move(session));
}

}  // namespace hfreduce::bootstrap
