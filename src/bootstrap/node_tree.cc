// A node's edges: frames in, exchanges along them, and their ends.
#include <fmt/core.h>

#include <algorithm>

#include "bootstrap/node.h"

namespace hfreduce::bootstrap {

void Node::for_each_edge(const std::function<void(Edge&)>& act) {
  if (parent_.channel) act(parent_);
  for (auto& [rank, edge] : children_) act(edge);
}

Node::Edge* Node::edge_of(const Channel& channel) {
  if (parent_.channel.get() == &channel) return &parent_;
  const auto at = std::find_if(children_.begin(), children_.end(), [&](const auto& child) {
    return child.second.channel.get() == &channel;
  });
  return at == children_.end() ? nullptr : &at->second;
}

void Node::on_frame(Channel& channel, Frame frame) {
  if (&channel == check_in_.get()) return on_rendezvous_frame(frame);
  Edge* const edge = edge_of(channel);
  if (edge == nullptr) return;
  const bool from_parent = edge == &parent_;
  bool sense = true;
  switch (frame.type) {
    case FrameType::kEntries:
      return on_entries(*edge, frame);
    case FrameType::kCredit:
      from_parent ? exchange_.credit_from_parent() : exchange_.credit_from_child(edge->rank);
      return pump();
    case FrameType::kFailure:
      if (auto failure = decode_failure(frame.payload)) return fail(std::move(*failure), &channel);
      sense = false;
      break;
    case FrameType::kLeave:
      return on_departed(*edge, frame);
    case FrameType::kAsk:
    case FrameType::kReport:
      sense = !from_parent && (failed_ || inquiry_.from_child(edge->rank, frame));
      break;
    case FrameType::kSurvey:
    case FrameType::kDiagnosis:
      sense = from_parent && (failed_ || inquiry_.from_parent(frame));
      break;
    default:
      sense = false;
  }
  if (!sense) {
    lost(*edge, Status(Code::kProtocolError,
                       fmt::format("sent a control frame (type {}) that makes no sense",
                                   static_cast<int>(frame.type))));
  }
}

void Node::on_entries(Edge& edge, const Frame& frame) {
  auto entries = decode_entries(frame.payload);
  if (!entries) return lost(edge, Status(Code::kProtocolError, "sent garbled exchange entries"));
  const Status taken = &edge == &parent_ ? exchange_.from_parent(std::move(*entries))
                                         : exchange_.from_child(edge.rank, std::move(*entries));
  if (!taken.ok()) return lost(edge, taken);
  edge.channel->send(FrameType::kCredit);
  pump();
}

void Node::pump() {
  if (failed_) return;
  while (parent_.channel) {
    const auto entries = exchange_.next_up();
    if (!entries) break;
    parent_.channel->send(FrameType::kEntries, encode(*entries));
  }
  for (auto& [rank, edge] : children_) {
    while (const auto entries = exchange_.next_down(rank)) {
      edge.channel->send(FrameType::kEntries, encode(*entries));
    }
  }
  publish_books();
}

void Node::contribute(std::uint32_t round, std::string bytes) {
  wanted_rounds_.push_back(round);
  exchange_.contribute(round, std::move(bytes));
  pump();
}

void Node::publish_books() {
  while (!wanted_rounds_.empty() && exchange_.complete(wanted_rounds_.front())) {
    const std::uint32_t round = wanted_rounds_.front();
    wanted_rounds_.erase(wanted_rounds_.begin());
    const std::lock_guard lock(front_.mutex);
    front_.books[round] = exchange_.take(round);
    front_.changed.notify_all();
  }
}

void Node::on_end(Channel& channel, Status why) {
  if (&channel == check_in_.get()) return on_rendezvous_end(why);
  Edge* const edge = edge_of(channel);
  if (edge != nullptr) lost(*edge, std::move(why));
}

// The end of an edge. It is a failure of the communicator unless that rank has left, or the
// communicator has failed already.
void Node::lost(Edge& edge, Status why) {
  const std::int32_t rank = edge.rank;
  const bool was_parent = &edge == &parent_;
  const bool in_order = edge.left && why.code() != Code::kProtocolError;
  drop(loop_, std::move(edge.channel));
  if (was_parent) {
    parent_ = {};
  } else {
    children_.erase(rank);
    inquiry_.child_gone(rank);
  }
  if (!in_order && !failed_) {
    std::string text = name_of(rank);
    if (why.code() == Code::kPeerUnreachable) {
      text += fmt::format(
          " fell silent: {}; its host is down, or the network between it and rank {} is",
          why.text(), rank_);
    } else if (why.code() == Code::kPeerDead) {
      text += fmt::format(
          " ended without leaving the communicator: {}; its own error output or the system log "
          "of its host tells why (a crash, a kill, out of memory)",
          why.text());
    } else {
      text += " " + why.text();
    }
    fail(Status(why.code(), text).with_rank(rank, host_of(rank)));
  } else if (was_parent) {
    adopt_orphan_self();
  }
  end_if_done();
}

}  // namespace hfreduce::bootstrap
