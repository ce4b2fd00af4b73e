// The seam between the executor and everything that carries bytes to a rank whose memory is not
// mapped.
//
// A posted link is one-sided in both directions: the sender says where in the receiver's window or
// output the bytes go, the receiver's link puts them there and raises a flag. What a link promises:
//  - Messages of one flag arrive in the order in which they were posted. Nothing is promised
//  between flags.
//  - A message's bytes are in place before its flag is seen.
//  - post() never blocks and never allocates; when the link's queue is full it says so and nothing
//  happened.
//  - Only progress() and send() touch the network. One thread at a time drives a link.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/status.h"

namespace hfreduce::transport {

// What accompanies a flag so that a mismatch is found by whoever sees it: the operation's number on
// its communicator and a hash of the call.
struct Tag {
  std::uint32_t sequence = 0;
  std::uint32_t fingerprint = 0;
  bool operator==(const Tag&) const = default;
};

enum class Target : std::uint8_t {
  kNone = 0,    // a bare signal
  kWindow = 1,  // offset counts from the start of the receiver's window
  kOutput = 2,  // offset counts from the start of the output buffer of the operation `tag.sequence`
};

// One message: optional bytes, then a flag.
struct Message {
  std::uint32_t flag =
      0;  // the receiver's number for (channel, flag); the sender is known from the link
  Target target = Target::kNone;
  std::uint64_t value = 0;  // the flag becomes this
  Tag tag;
  std::uint64_t offset = 0;
  std::uint32_t bytes = 0;  // of payload
};

// Where arriving messages go. Called from within progress() only.
class Inbox {
 public:
  virtual ~Inbox() = default;
  // Where `message.bytes` bytes of a message from `peer` go, after checking that they may; nullptr:
  // they may not (the link then fails with kProtocolError).
  virtual std::byte* place(int peer, const Message& message) noexcept = 0;
  // The bytes are in place. False: no such flag (the link then fails with kProtocolError).
  virtual bool arrived(int peer, const Message& message) noexcept = 0;
};

// Counts what was handed to the link; done() tells when its source may be reused.
using Ticket = std::uint64_t;

class Link {
 public:
  virtual ~Link() = default;
  // Takes a message over. `payload` must stay as it is until done(*ticket). False: the queue is
  // full.
  virtual bool post(const Message& message, const std::byte* payload, Ticket* ticket) noexcept = 0;
  virtual bool done(Ticket ticket) const noexcept = 0;
  // Moves what can be moved now, delivering to the inbox. A failure is final.
  Status progress() { return move(Ways::kBoth); }
  // Only what was posted: no system call where nothing is.
  Status send() { return move(Ways::kOut); }
  // True when everything posted has left its source.
  virtual bool idle() const noexcept = 0;
  // Before the caller sleeps in epoll_wait(epoll_fd): makes sure that the descriptor wakes it when
  // progress() would have something to do. Cheap when nothing changed since the last call.
  virtual Status arm(int epoll_fd) = 0;
  // Before a link that works is given up: tells the peer, behind everything that was posted, that
  // what ends now is no death. Nothing may be posted any more. True once everything has reached the
  // peer's host, so that closing loses nothing; until then go on calling progress() and this, as
  // long as you care to wait.
  virtual bool leave() noexcept { return true; }

 protected:
  enum class Ways : std::uint8_t { kBoth, kOut };
  virtual Status move(Ways ways) = 0;
};

}  // namespace hfreduce::transport
