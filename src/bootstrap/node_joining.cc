// A node until its edge of the tree stands.
#include <fmt/core.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bootstrap/node.h"
#include "bootstrap/this_host.h"
#include "bootstrap/tree_shape.h"

namespace hfreduce::bootstrap {
namespace {

// The ranks of a big job come one after the other, not all in one moment.
Nanoseconds stagger(std::int32_t rank) { return Nanoseconds{rank / 256} * 20'000'000; }

Address local_end(const UniqueFd& fd) {
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  getsockname(fd.get(), reinterpret_cast<sockaddr*>(&bound), &size);
  return Address(reinterpret_cast<const sockaddr*>(&bound), size);
}

}  // namespace

void Node::start(Deadline deadline) {
  deadline_ = deadline;
  // Taken: another thread of this process joins as the same rank. The rendezvous tells everybody.
  door_open_ = reception_.open_door(id_.job, rank_, *this);
  DialPlan plan;
  plan.addresses = id_.addresses;
  plan.hello = hello(Purpose::kCheckIn, -1);
  plan.secret = id_.secret;
  plan.deadline = deadline;
  plan.first_delay = stagger(rank_);
  dial_ = std::make_unique<Dial>(loop_, std::move(plan), [this](Result<Dial::Outcome> outcome) {
    checked_in(std::move(outcome));
  });
  dial_->start();
}

std::string Node::own_name() const {
  return fmt::format("rank {} on host {} (pid {})", rank_, host_name(), getpid());
}

void Node::checked_in(Result<Dial::Outcome> outcome) {
  drop(loop_, std::move(dial_));
  if (!outcome.ok()) {
    const Status why = outcome.status();
    if (why.code() == Code::kSystemError) return fail(Status(why).in_context(own_name()));
    if (why.code() != Code::kTimeout) return fail(why);
    return fail(Status(Code::kTimeout,
                       fmt::format("rank {} waited {:.3g} s to reach the rendezvous; last at {}",
                                   rank_, static_cast<double>(wait_ms_) / 1e3, why.text())));
  }
  const Address address = reception_.advertise(local_end(outcome->fd));
  {
    const std::lock_guard lock(front_.mutex);
    front_.address = address;
    front_.root = outcome->address;
  }
  check_in_ = std::make_unique<Channel>(loop_, std::move(outcome->fd), *this);
  check_in_->start();
  CheckIn card;
  card.address = address;
  card.host = host_name();
  card.pid = getpid();
  card.wait_ms = deadline_.left_ms(wait_ms_);
  check_in_->send(FrameType::kCheckIn, encode(card));
}

void Node::on_rendezvous_frame(const Frame& frame) {
  if (frame.type == FrameType::kFailure) {
    if (auto failure = decode_failure(frame.payload))
      return fail(std::move(*failure), check_in_.get());
  } else if (frame.type == FrameType::kParent && !dial_ && !parent_.channel) {
    const auto parent = decode_parent(frame.payload);
    if (parent && parent->has_value() == (rank_ != 0)) return connect_parent(*parent);
  }
  fail(Status(Code::kProtocolError, "the rendezvous sent nonsense: another version of hfreduce?"));
}

void Node::on_rendezvous_end(const Status& why) {
  drop(loop_, std::move(check_in_));
  if (members_.empty()) {
    fail(Status(why.code(),
                fmt::format("the rendezvous (the process that made the unique id) was lost while "
                            "joining: {}",
                            why.text())));
  }
}

void Node::connect_parent(const std::optional<Address>& address) {
  if (!address) return edge_stands();
  DialPlan plan;
  plan.addresses = {*address};
  {
    const std::lock_guard lock(front_.mutex);
    plan.addresses = {seen_from_here(*address, front_.address, *front_.root)};
  }
  plan.hello = hello(Purpose::kTree, parent_of(rank_));
  plan.secret = id_.secret;
  plan.deadline = deadline_;
  dial_ = std::make_unique<Dial>(loop_, std::move(plan), [this](Result<Dial::Outcome> outcome) {
    parent_connected(std::move(outcome));
  });
  dial_->start();
}

void Node::parent_connected(Result<Dial::Outcome> outcome) {
  drop(loop_, std::move(dial_));
  const std::int32_t parent = parent_of(rank_);
  if (!outcome.ok()) {
    return fail(outcome.status()
                    .in_context(fmt::format("rank {} could not connect to rank {}, its parent in "
                                            "the control tree",
                                            rank_, parent))
                    .with_rank(parent));
  }
  parent_.rank = parent;
  parent_.channel = std::make_unique<Channel>(loop_, std::move(outcome->fd), *this);
  parent_.channel->start();
  if (failed_) parent_.channel->send(FrameType::kFailure, encode(failure_));
  check_in_->send(FrameType::kBye);
  drop(loop_, std::move(check_in_));
  edge_stands();
}

void Node::edge_stands() {
  {
    const std::lock_guard lock(front_.mutex);
    front_.edge_stands = true;
    front_.changed.notify_all();
  }
  pump();
}

}  // namespace hfreduce::bootstrap
