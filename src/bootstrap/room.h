// The rendezvous of one job, in the process that made its id: every rank checks in and is told
// where its parent in the tree listens, as soon as that is known.
//
// A rank stays connected until its edge of the tree stands, and rank 0 until everybody has joined:
// so the death of a rank is noticed in every phase, by the room or by a neighbour in the tree, and
// the room's verdict reaches those who are in the tree already through rank 0.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "bootstrap/channel.h"
#include "bootstrap/messages.h"
#include "bootstrap/rank_set.h"
#include "bootstrap/reception.h"

namespace hfreduce::bootstrap {

class Room final : public Resident, public Party, public ChannelOwner {
 public:
  // Opens the door for `job`. Once the job has joined or failed it only tells late-comers so, and
  // is forgotten after some hundred others. Control thread.
  static Status open(Reception& reception, const JobId& job, const Secret& secret);

 private:
  struct Visitor {
    std::unique_ptr<Channel> channel;
    std::int32_t rank = -1;
    bool refused = false;  // has been told why, and is expected to hang up
  };
  // A rank that has checked in.
  struct Guest {
    Channel* channel = nullptr;  // null: gone, its edge stands
    CheckIn card;
    bool told_parent = false;
  };

  Room(Reception& reception, const JobId& job, const Secret& secret)
      : reception_(reception), job_(job), secret_(secret) {}
  const Secret& secret() const override { return secret_; }
  Verdict judge(const Hello& hello) override;
  void admit(const Hello& hello, UniqueFd fd) override;
  void on_frame(Channel& channel, Frame frame) override;
  void on_end(Channel& channel, Status why) override;
  void on_drained(Channel& channel) override;

  std::optional<Status> objection(const Hello& hello) const;
  void check_in(Visitor& visitor, std::string_view bytes);
  void introduce_parent(std::int32_t rank);
  void bye(std::int32_t rank);
  void wait_no_longer_than(std::int32_t ms);
  void time_is_up();
  void fail(Status why);
  void refuse(Visitor& visitor, const Status& why);
  void part_with(Channel* channel);
  void retire();
  std::string name_of(std::int32_t rank) const;

  Reception& reception_;
  const JobId job_;
  const Secret secret_;
  std::int32_t ranks_ = 0;  // as the first guest said
  std::unordered_map<const Channel*, Visitor> visitors_;
  std::map<std::int32_t, Guest> guests_;
  Nanoseconds opened_ = 0;
  Timer timer_;
  Nanoseconds deadline_ = 0;
  bool joined_ = false;
  Status failure_;
};

}  // namespace hfreduce::bootstrap
