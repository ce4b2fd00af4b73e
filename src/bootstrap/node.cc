#include "bootstrap/node.h"

#include <fmt/core.h>

#include "base/log.h"
#include "bootstrap/tree_shape.h"

namespace hfreduce::bootstrap {

Node::Node(Reception& reception, const JoinOptions& options)
    : reception_(reception),
      loop_(reception.loop()),
      id_(options.id),
      rank_(options.rank),
      ranks_(options.ranks),
      wait_ms_(options.init_timeout_ms),
      exchange_(options.rank, options.ranks),
      inquiry_(loop_, options.ranks, *this) {}

Hello Node::hello(Purpose purpose, std::int32_t target) const {
  Hello hello;
  hello.purpose = purpose;
  hello.job = id_.job;
  hello.rank = rank_;
  hello.ranks = ranks_;
  hello.target = target;
  return hello;
}

std::string Node::host_of(std::int32_t rank) const {
  return members_.empty() ? "" : members_[static_cast<std::size_t>(rank)].host;
}

std::string Node::name_of(std::int32_t rank) const {
  if (members_.empty()) return fmt::format("rank {}", rank);
  const Member& member = members_[static_cast<std::size_t>(rank)];
  return fmt::format("rank {} on host {} (pid {})", rank, member.host, member.pid);
}

void Node::joined(std::vector<Member> members, FailureLatch& latch, SessionHooks hooks) {
  members_ = std::move(members);
  if (check_in_) {  // rank 0: the rendezvous has done its work
    check_in_->send(FrameType::kBye);
    drop(loop_, std::move(check_in_));
  }
  if (failed_) return;  // the session is not made
  latch_ = &latch;
  hooks_ = std::move(hooks);
}

void Node::fail(Status why, const Channel* from) {
  if (failed_) return;
  failed_ = true;
  failure_ = std::move(why).with_phase(members_.empty() ? "join" : "");
  HFR_LOG(kInfo, "control", "rank {}: {}", rank_, failure_.to_string());
  const std::string payload = encode(failure_);
  const auto tell_edge = [&](Channel* channel) {
    if (channel != nullptr && channel != from) channel->send(FrameType::kFailure, payload);
  };
  // Others first: whoever hears of it here may end this process.
  for_each_edge([&](Edge& edge) { tell_edge(edge.channel.get()); });
  tell_edge(check_in_.get());
  inquiry_.stop();
  for (auto& [key, dial] : link_dials_) drop(loop_, std::move(dial));
  link_dials_.clear();
  if (latch_ != nullptr && !left_) latch_->raise(failure_);
  const std::lock_guard lock(front_.mutex);
  front_.failure = failure_;
  front_.changed.notify_all();
}

Verdict Node::judge(const Hello& hello) {
  if (hello.ranks != ranks_ || hello.rank <= rank_ || hello.rank >= ranks_) return Verdict::kGone;
  if (hello.purpose == Purpose::kData) {
    return left_ || failed_ || hello.lane < 0 || hello.lane >= 64 ? Verdict::kGone
                                                                  : Verdict::kWelcome;
  }
  if (hello.purpose != Purpose::kTree) return Verdict::kGone;
  if (children_.contains(hello.rank)) return Verdict::kGone;
  // A child of the tree's shape while joining; afterwards also an orphan, unless we are leaving.
  const bool own_child = parent_of(hello.rank) == rank_;
  return (members_.empty() ? own_child : !left_) ? Verdict::kWelcome : Verdict::kGone;
}

void Node::admit(const Hello& hello, UniqueFd fd) {
  if (hello.purpose == Purpose::kData) {
    {
      const std::lock_guard lock(front_.mutex);
      front_.links[{hello.rank, hello.lane}] = std::move(fd);
    }
    if (hooks_.wake) hooks_.wake();
    return;
  }
  Edge& edge = children_[hello.rank];
  edge.rank = hello.rank;
  edge.channel = std::make_unique<Channel>(loop_, std::move(fd), *this);
  edge.channel->start();
  if (failed_) edge.channel->send(FrameType::kFailure, encode(failure_));
  pump();
}

void Node::connect_link(std::int32_t peer, std::int32_t lane) {
  if (peer > rank_ || failed_ || link_dials_.contains({peer, lane})) return;
  DialPlan plan;
  plan.addresses = {members_[static_cast<std::size_t>(peer)].address};
  plan.hello = hello(Purpose::kData, peer);
  plan.hello.lane = lane;
  plan.secret = id_.secret;
  // No deadline: a peer that is stopped is not dead, the operation's own deadline ends the wait.
  auto done = [this, peer, lane](Result<Dial::Outcome> outcome) {
    const auto at = link_dials_.find({peer, lane});
    drop(loop_, std::move(at->second));
    link_dials_.erase(at);
    if (!outcome.ok()) {
      return fail(outcome.status()
                      .in_context(fmt::format("connecting a data socket to {}", name_of(peer)))
                      .with_rank(peer, host_of(peer)));
    }
    {
      const std::lock_guard lock(front_.mutex);
      front_.links[{peer, lane}] = std::move(outcome->fd);
    }
    if (hooks_.wake) hooks_.wake();
  };
  auto& dial = link_dials_[{peer, lane}];
  dial = std::make_unique<Dial>(loop_, std::move(plan), std::move(done));
  dial->start();
}

}  // namespace hfreduce::bootstrap
