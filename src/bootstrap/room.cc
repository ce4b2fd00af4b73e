#include "bootstrap/room.h"

#include <fmt/core.h>

#include <cmath>
#include <deque>

#include "base/log.h"
#include "bootstrap/tree_shape.h"

namespace hfreduce::bootstrap {
namespace {

constexpr std::size_t kMostRetired = 256;

}  // namespace

Status Room::open(Reception& reception, const JobId& job, const Secret& secret) {
  std::unique_ptr<Room> room(new Room(reception, job, secret));
  if (!reception.open_door(job, -1, *room)) {
    return Status(Code::kInvalidUsage, "this process already holds the rendezvous of this job");
  }
  reception.loop().keep(std::move(room));
  return {};
}

Verdict Room::judge(const Hello& hello) {
  return hello.purpose == Purpose::kCheckIn ? Verdict::kWelcome : Verdict::kGone;
}

std::optional<Status> Room::objection(const Hello& hello) const {
  if (joined_) {
    return Status(Code::kInvalidArgument,
                  "this unique id has already served its communicator: an id is good for one; get "
                  "a new one");
  }
  if (!failure_.ok()) return failure_;
  if (ranks_ != 0 && hello.ranks != ranks_) {
    return Status(Code::kInvalidArgument,
                  fmt::format("rank {} says that there are {} ranks, others say {}", hello.rank,
                              hello.ranks, ranks_))
        .with_rank(hello.rank);
  }
  if (hello.rank < 0 || hello.rank >= hello.ranks) {
    return Status(Code::kInvalidArgument,
                  fmt::format("rank {} is not one of 0 to {}", hello.rank, hello.ranks - 1));
  }
  return std::nullopt;
}

void Room::admit(const Hello& hello, UniqueFd fd) {
  auto channel = std::make_unique<Channel>(reception_.loop(), std::move(fd), *this);
  Channel* const key = channel.get();
  Visitor& visitor = visitors_[key] = Visitor{std::move(channel), hello.rank};
  key->start();
  const auto objection_found = objection(hello);
  if (!objection_found) {
    ranks_ = hello.ranks;
    return;
  }
  refuse(visitor, *objection_found);
  // Sizes that differ: nobody knows which is right.
  if (ranks_ != 0 && hello.ranks != ranks_ && failure_.ok() && !joined_) fail(*objection_found);
}

std::string Room::name_of(std::int32_t rank) const {
  const auto guest = guests_.find(rank);
  if (guest == guests_.end()) return fmt::format("rank {}", rank);
  return fmt::format("rank {} on host {} (pid {})", rank, guest->second.card.host,
                     guest->second.card.pid);
}

void Room::on_frame(Channel& channel, Frame frame) {
  const auto at = visitors_.find(&channel);
  if (at == visitors_.end() || at->second.refused) return;
  Visitor& visitor = at->second;
  const auto guest = guests_.find(visitor.rank);
  const bool checked_in = guest != guests_.end() && guest->second.channel == &channel;
  if (frame.type == FrameType::kCheckIn && !checked_in) return check_in(visitor, frame.payload);
  if (frame.type == FrameType::kBye && checked_in) return bye(visitor.rank);
  auto failure = frame.type == FrameType::kFailure ? decode_failure(frame.payload) : std::nullopt;
  if (!failure) {
    failure = Status(Code::kProtocolError, name_of(visitor.rank) + " sent nonsense while joining");
  }
  fail(std::move(*failure).with_rank(visitor.rank));
}

void Room::check_in(Visitor& visitor, std::string_view bytes) {
  const std::int32_t rank = visitor.rank;
  auto card = decode_check_in(bytes);
  if (!card) {
    return fail(Status(Code::kProtocolError, name_of(rank) + " sent nonsense while joining")
                    .with_rank(rank));
  }
  if (guests_.contains(rank)) {
    const Status twice = Status(Code::kInvalidArgument,
                                fmt::format("two joined as rank {} of {}: {} and pid {} on host {}",
                                            rank, ranks_, name_of(rank), card->pid, card->host))
                             .with_rank(rank);
    refuse(visitor, twice);
    return fail(twice);
  }
  if (opened_ == 0) opened_ = now_ns();
  wait_no_longer_than(card->wait_ms);
  guests_[rank] = Guest{visitor.channel.get(), std::move(*card)};
  introduce_parent(rank);
  for (const std::int32_t child : children_of(rank, ranks_)) introduce_parent(child);
}

void Room::introduce_parent(std::int32_t rank) {
  const auto guest = guests_.find(rank);
  if (guest == guests_.end() || guest->second.told_parent) return;
  std::optional<Address> address;
  if (rank != 0) {
    const auto parent = guests_.find(parent_of(rank));
    if (parent == guests_.end()) return;
    address = parent->second.card.address;
  }
  guest->second.told_parent = true;
  guest->second.channel->send(FrameType::kParent, encode(address));
}

void Room::bye(std::int32_t rank) {
  part_with(guests_.at(rank).channel);
  guests_.at(rank).channel = nullptr;
  if (rank != 0) return;
  HFR_LOG(kInfo, "join", "all {} ranks have joined; {} stranger(s) turned away so far", ranks_,
          Reception::strangers());
  joined_ = true;
  retire();
}

void Room::part_with(Channel* channel) {
  const auto visitor = visitors_.find(channel);
  if (visitor == visitors_.end()) return;
  drop(reception_.loop(), std::move(visitor->second.channel));
  visitors_.erase(visitor);
}

void Room::retire() {
  timer_.reset();
  guests_.clear();
  // On the control thread only; never destroyed, like that.
  static auto* const retired = new std::deque<Room*>;
  retired->push_back(this);
  if (retired->size() <= kMostRetired) return;
  Room* const oldest = retired->front();
  retired->pop_front();
  reception_.close_door(oldest->job_, -1);
  reception_.loop().bury(oldest);
}

void Room::wait_no_longer_than(std::int32_t ms) {
  const Nanoseconds at = now_ns() + Nanoseconds{ms} * 1'000'000;
  if (deadline_ != 0 && deadline_ <= at) return;
  deadline_ = at;
  timer_ = reception_.loop().after(at - now_ns(), [this] { time_is_up(); });
}

void Room::time_is_up() {
  RankSet here, slow;
  for (const auto& [rank, guest] : guests_) {
    here.add(rank);
    if (guest.channel != nullptr && rank != 0) slow.add(rank);
  }
  const double waited = std::round(static_cast<double>(now_ns() - opened_) / 1e8) / 10;
  const RankSet missing = here.complement(ranks_);
  if (!missing.empty()) {
    return fail(
        Status(Code::kTimeout,
               fmt::format("waited {:.3g} s for rank{} {} of {}: never started, cannot "
                           "reach the rendezvous, or without the job's secret; their own "
                           "error output says more",
                           waited, missing.count() == 1 ? "" : "s", missing.to_string(), ranks_))
            .with_rank(missing.lowest()));
  }
  if (slow.empty()) return;  // all are in the tree: rank 0 knows who is slow there
  fail(Status(Code::kTimeout,
              fmt::format("waited {:.3g} s for rank{} {} of {} to connect to the control tree: "
                          "stopped, or a firewall lets the rendezvous through but not other ports",
                          waited, slow.count() == 1 ? "" : "s", slow.to_string(), ranks_))
           .with_rank(slow.lowest()));
}

void Room::on_end(Channel& channel, Status why) {
  const auto at = visitors_.find(&channel);
  if (at == visitors_.end()) return;
  const std::int32_t rank = at->second.rank;
  part_with(&channel);
  const auto guest = guests_.find(rank);
  if (guest == guests_.end() || guest->second.channel != &channel) return;  // never checked in
  guest->second.channel = nullptr;
  fail(Status(why.code(), fmt::format("{} was lost while joining: {}", name_of(rank), why.text()))
           .with_rank(rank, guest->second.card.host));
}

void Room::on_drained(Channel&) {}

void Room::fail(Status why) {
  if (!failure_.ok() || joined_) return;
  failure_ = std::move(why).with_phase("join");
  HFR_LOG(kInfo, "join", "joining failed: {}", failure_.text());
  for (auto& [channel, visitor] : visitors_) refuse(visitor, failure_);
  retire();
}

// The visitor hears why and hangs up; if it does not, the kernel's keepalive ends it.
void Room::refuse(Visitor& visitor, const Status& why) {
  if (visitor.refused) return;
  visitor.refused = true;
  visitor.channel->send(FrameType::kFailure, encode(why));
}

}  // namespace hfreduce::bootstrap
