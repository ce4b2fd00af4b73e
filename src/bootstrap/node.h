// One rank of one job on the control thread: its edges in the tree, and what travels along them.
//
//   check-in ──► parent known ──► edge stands ──► exchanges ──► joined ──► left ──► gone
//
// A node outlives its session: after leaving it stays as a relay until its children have left too.
// When a parent that has left ends, the orphan attaches itself to the lowest rank that is still
// there (always one below its own, so that no circle can come about).
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "bootstrap/channel.h"
#include "bootstrap/dial.h"
#include "bootstrap/exchange.h"
#include "bootstrap/inquiry.h"
#include "bootstrap/reception.h"
#include "bootstrap/session.h"

namespace hfreduce::bootstrap {

// What the node hands to the threads that use the session.
struct NodeFront {
  std::mutex mutex;
  std::condition_variable changed;
  // All guarded by mutex:
  Status failure;
  bool edge_stands = false;
  Address address;              // where this rank listens
  std::optional<Address> root;  // by which this rank reached the rendezvous
  std::map<std::uint32_t, std::vector<std::string>> books;  // finished exchanges
  std::optional<Diagnosis> diagnosis;
  std::map<std::pair<std::int32_t, std::int32_t>, UniqueFd> links;  // by peer and lane
};

class Node final : public Resident, public Party, public ChannelOwner, public InquiryPort {
 public:
  // All of the following on the control thread; `front()` from any.
  Node(Reception& reception, const JoinOptions& options);
  NodeFront& front() { return front_; }

  void start(Deadline deadline);
  void contribute(std::uint32_t round, std::string bytes);
  // For a message to people: whose entries have not come here.
  RankSet missing(std::uint32_t round) const { return exchange_.missing(round); }
  // From here on failures raise the latch and the hooks are called.
  void joined(std::vector<Member> members, FailureLatch& latch, SessionHooks hooks);
  // The first failure goes to all edges but `from`, and to whoever waits here.
  void fail(Status why, const Channel* from = nullptr);
  void ask(std::uint64_t sequence) { inquiry_.ask(sequence); }
  void connect_link(std::int32_t peer, std::int32_t lane);
  void leave(std::uint64_t operations);
  // The session is about to end: neither latch nor hooks are used any more.
  void detach();

 private:
  struct Edge {
    std::unique_ptr<Channel> channel;
    std::int32_t rank = -1;
    bool left = false;  // the rank at the other end has left: its end of file is no death
  };

  // Party
  const Secret& secret() const override { return id_.secret; }
  Verdict judge(const Hello& hello) override;
  void admit(const Hello& hello, UniqueFd fd) override;
  // ChannelOwner
  void on_frame(Channel& channel, Frame frame) override;
  void on_end(Channel& channel, Status why) override;
  void on_drained(Channel& channel) override;
  // InquiryPort
  bool is_top() const override { return !parent_.channel; }
  std::vector<std::int32_t> children() const override;
  void tell(std::optional<std::int32_t> edge, FrameType type, std::string payload) override;
  Report own_report(std::uint64_t sequence) override;
  Judgement conclude(const Report& report, std::uint64_t sequence) override;
  void answered(std::uint64_t sequence, const RankSet& absent) override;

  // node_joining.cc
  std::string own_name() const;
  void checked_in(Result<Dial::Outcome> outcome);
  void on_rendezvous_frame(const Frame& frame);
  void on_rendezvous_end(const Status& why);
  void connect_parent(const std::optional<Address>& address);
  void parent_connected(Result<Dial::Outcome> outcome);
  void edge_stands();
  // node_tree.cc
  Edge* edge_of(const Channel& channel);
  void on_entries(Edge& edge, const Frame& frame);
  void on_departed(Edge& edge, const Frame& frame);
  void lost(Edge& edge, Status why);
  void pump();
  void publish_books();
  void for_each_edge(const std::function<void(Edge&)>& act);
  // node_leaving.cc
  void adopt_orphan_self();
  void end_if_done();
  // node.cc
  Hello hello(Purpose purpose, std::int32_t target) const;
  std::string name_of(std::int32_t rank) const;
  std::string host_of(std::int32_t rank) const;

  Reception& reception_;
  Loop& loop_;
  const UniqueId id_;
  const std::int32_t rank_, ranks_;
  const std::int32_t wait_ms_;
  Deadline deadline_ = Deadline::never();
  bool door_open_ = false;
  NodeFront front_;

  std::unique_ptr<Dial> dial_;  // to the rendezvous, the parent, or a new parent
  std::unique_ptr<Channel> check_in_;
  Edge parent_;
  std::map<std::int32_t, Edge> children_;
  Exchange exchange_;
  std::vector<std::uint32_t> wanted_rounds_;
  Inquiry inquiry_;
  std::map<std::pair<std::int32_t, std::int32_t>, std::unique_ptr<Dial>> link_dials_;
  std::vector<Member> members_;  // empty until joined

  bool failed_ = false;
  Status failure_;
  FailureLatch* latch_ = nullptr;
  SessionHooks hooks_;
  Departed departed_;
  std::set<std::int32_t> unreachable_;  // tried as a new parent in vain
  bool left_ = false;
  bool detached_ = false;
};

}  // namespace hfreduce::bootstrap
