// Everybody's bytes to everybody, along the tree: each rank's entry goes up to rank 0, and from
// there entries go down to all as they come. Pure bookkeeping, no sockets: the node asks what to
// send next.
//
// At most kCredit frames of at most 16 KiB lie unread in a connection, so that a rank that is
// stopped never has a full window (which the kernel's user timeout would take for a dead host). A
// round is complete for a rank when it has all entries *and its children have taken them in*: so
// nobody goes away with what others still need.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "bootstrap/messages.h"

namespace hfreduce::bootstrap {

class Exchange {
 public:
  static constexpr int kCredit = 2;

  Exchange(std::int32_t rank, std::int32_t ranks);

  void contribute(std::uint32_t round, std::string bytes);
  // kProtocolError: entries of a rank that is not below that child, twice, or of a round that
  // cannot be.
  Status from_child(std::int32_t child, Entries entries);
  Status from_parent(Entries entries);
  void credit_from_child(std::int32_t child);
  void credit_from_parent();

  // What may be sent now; takes it off the list.
  std::optional<Entries> next_up();
  std::optional<Entries> next_down(std::int32_t child);

  bool complete(std::uint32_t round) const;
  // By rank; only of a complete round, once.
  std::vector<std::string> take(std::uint32_t round);
  // For a message to people: whose entries of `round` have not come here (below this rank, if this
  // is not rank 0).
  RankSet missing(std::uint32_t round) const;

 private:
  struct Round {
    std::vector<std::string> book;                  // by rank
    std::vector<bool> known;                        // in the book
    std::vector<std::int32_t> order;                // in which they came into the book
    std::vector<bool> gathered;                     // passed upwards here
    std::deque<Entries::Entry> up;                  // to be sent up
    std::map<std::int32_t, std::size_t> sent_down;  // by child: how many of `order`
  };
  struct Flow {
    int unread = 0;
  };
  Result<Round*> find(std::uint32_t round);
  void into_book(Round& round, Entries::Entry entry);
  Status gather(Round& round, std::int32_t below, Entries::Entry entry);

  std::int32_t rank_, ranks_;
  std::vector<std::int32_t> children_;
  std::map<std::uint32_t, Round> rounds_;
  std::uint32_t next_round_ = 0;  // rounds below have been taken
  Flow up_;
  std::map<std::int32_t, Flow> down_;
};

}  // namespace hfreduce::bootstrap
