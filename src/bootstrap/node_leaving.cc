// A node at the end of its life, the orphans that others leave behind, and what is said about those
// who have left.
#include <fmt/core.h>

#include "base/log.h"
#include "bootstrap/node.h"

namespace hfreduce::bootstrap {

void Node::leave(std::uint64_t operations) {
  if (left_) return;
  left_ = true;
  departed_[rank_] = operations;
  const std::string payload = encode(departed_);
  for_each_edge([&](Edge& edge) { edge.channel->send(FrameType::kLeave, payload); });
  // An orphan on its way to a new parent, which may have let it in already: without the farewell it
  // would count as dead there.
  if (!dial_ || members_.empty()) return;
  const bool said = dial_->say_behind_proof(encode(Frame{FrameType::kLeave, payload}));
  if (!said && children_.empty()) drop(loop_, std::move(dial_));
}

void Node::detach() {
  leave(0);
  latch_ = nullptr;
  hooks_ = {};
  detached_ = true;
  for (auto& [key, dial] : link_dials_) drop(loop_, std::move(dial));
  link_dials_.clear();
  end_if_done();
}

void Node::on_departed(Edge& edge, const Frame& frame) {
  const auto departed = decode_departed(frame.payload, ranks_);
  if (!departed) {
    return lost(edge, Status(Code::kProtocolError, "sent a garbled farewell"));
  }
  const std::size_t before = departed_.size();
  departed_.insert(departed->begin(), departed->end());
  for_each_edge([&](Edge& other) { other.left = departed_.contains(other.rank); });
  // Who has left and only relays may be gone when somebody asks: so it passes on what it knows.
  if (left_ && departed_.size() != before) {
    const std::string payload = encode(departed_);
    for_each_edge([&](Edge& other) {
      if (&other != &edge) other.channel->send(FrameType::kLeave, payload);
    });
  }
  end_if_done();
}

void Node::adopt_orphan_self() {
  if (failed_ || members_.empty() || (left_ && children_.empty())) return;
  DialPlan plan;
  for (std::int32_t rank = 0; rank < rank_; ++rank) {
    if (departed_.contains(rank) || unreachable_.contains(rank)) continue;
    plan.addresses = {members_[static_cast<std::size_t>(rank)].address};
    plan.hello = hello(Purpose::kTree, rank);
    break;
  }
  if (plan.addresses.empty()) return inquiry_.parent_changed();  // now the top itself
  plan.secret = id_.secret;
  plan.once = true;
  const std::int32_t candidate = plan.hello.target;
  HFR_LOG(kTrace, "control", "rank {}: its parent has left, attaching to rank {}", rank_,
          candidate);
  auto done = [this, candidate](Result<Dial::Outcome> outcome) {
    drop(loop_, std::move(dial_));
    if (!outcome.ok()) {
      unreachable_.insert(candidate);
      return adopt_orphan_self();
    }
    parent_.rank = candidate;
    parent_.channel = std::make_unique<Channel>(loop_, std::move(outcome->fd), *this);
    parent_.channel->start();
    if (failed_) parent_.channel->send(FrameType::kFailure, encode(failure_));
    if (left_) parent_.channel->send(FrameType::kLeave, encode(departed_));
    inquiry_.parent_changed();
  };
  dial_ = std::make_unique<Dial>(loop_, std::move(plan), std::move(done));
  dial_->start();
}

void Node::on_drained(Channel&) { end_if_done(); }

void Node::end_if_done() {
  if (!detached_) return;
  bool needed = false;
  for_each_edge([&](Edge& edge) {
    needed |= !edge.channel->drained();       // something is still on its way out
    needed |= !failed_ && &edge != &parent_;  // a child, which may have children of its own
  });
  if (check_in_ && !check_in_->drained()) needed = true;
  if (needed) return;
  detached_ = false;  // once
  inquiry_.stop();
  for_each_edge([&](Edge& edge) { edge.channel->close(); });
  if (check_in_) check_in_->close();
  drop(loop_, std::move(dial_));
  if (door_open_) reception_.close_door(id_.job, rank_);
  door_open_ = false;
  loop_.bury(this);
}

std::vector<std::int32_t> Node::children() const {
  std::vector<std::int32_t> ranks;
  for (const auto& [rank, edge] : children_) ranks.push_back(rank);
  return ranks;
}

void Node::tell(std::optional<std::int32_t> edge, FrameType type, std::string payload) {
  const auto child = edge ? children_.find(*edge) : children_.end();
  if (!edge && parent_.channel) parent_.channel->send(type, std::move(payload));
  if (child != children_.end()) child->second.channel->send(type, std::move(payload));
}

Report Node::own_report(std::uint64_t sequence) {
  Report report;
  for (const auto& [rank, operations] : departed_) {
    Stand stand;
    stand.phase = operations >= sequence ? Stand::Phase::kDone : Stand::Phase::kLeft;
    stand.ranks.add(rank);
    report.add(stand);
  }
  if (left_) return report;
  Stand own;
  own.ranks.add(rank_);
  if (hooks_.call_state) {
    const CallState state = hooks_.call_state(sequence);
    own.phase = static_cast<Stand::Phase>(state.phase);
    if (state.phase == CallState::Phase::kNotStarted) {
      if (state.waiting) own.phase = Stand::Phase::kHeldUp;
      own.called = state.called;
    } else {
      own.fingerprint = state.fingerprint;
      own.description = state.description;
    }
  }
  report.add(own);
  return report;
}

Judgement Node::conclude(const Report& report, std::uint64_t sequence) {
  Judgement judgement = bootstrap::judge(report, sequence, ranks_,
                                         [this](std::int32_t rank) { return name_of(rank); });
  if (!judgement.failure.ok()) {
    const std::int32_t odd = judgement.failure.detail().rank;
    fail(std::move(judgement.failure).with_rank(odd, host_of(odd)));
    judgement.failure = failure_;
  }
  return judgement;
}

void Node::answered(std::uint64_t sequence, const RankSet& absent) {
  {
    const std::lock_guard lock(front_.mutex);
    front_.diagnosis = Diagnosis{sequence, absent.to_vector(1024)};
  }
  if (hooks_.wake) hooks_.wake();
}

}  // namespace hfreduce::bootstrap
