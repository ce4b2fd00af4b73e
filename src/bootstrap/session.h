// A communicator's membership: who is where, and the control tree that carries death, abort,
// deadlines and questions. All sockets of a session belong to the process's control thread, which
// sleeps in epoll.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/failure.h"
#include "base/fd.h"
#include "base/settings.h"
#include "base/status.h"
#include "bootstrap/unique_id.h"

namespace hfreduce::bootstrap {

// More would be a slip of somebody's: the books of an exchange take 40 bytes a rank.
constexpr std::int32_t kMostRanks = 1 << 20;

struct Member {
  std::string host;  // name for people
  std::int32_t pid = 0;
  Address address;  // where its process listens
  std::int32_t same_host =
      0;  // lowest rank with which a memory descriptor was exchanged: its host's number
};

// What a rank is doing about operation `sequence`; asked by the control thread, so it must not
// block.
struct CallState {
  enum class Phase : std::uint8_t { kNotStarted = 0, kActive = 1, kDone = 2 };
  Phase phase = Phase::kNotStarted;
  std::uint64_t called = 0;  // the latest operation that it called
  bool waiting = false;      // in that one
  std::uint32_t fingerprint = 0;
  std::string
      description;  // "allreduce of 1024 float32, sum": at most 100 bytes; empty if not started
};

// The answer of the tree to "what is everyone doing about operation `sequence`?".
struct Diagnosis {
  std::uint64_t sequence = 0;
  std::vector<std::int32_t> absent;  // have not called it, and hold the others up
};

// What a session calls back, on the control thread; none may block or call the session.
struct SessionHooks {
  std::function<CallState(std::uint64_t sequence)> call_state;
  std::function<void()> wake;  // something changed: a link is ready, a diagnosis came
};

struct JoinOptions {
  UniqueId id;
  std::int32_t rank = 0;
  std::int32_t ranks = 1;
  std::string greeting;  // at most 4 KiB, handed to all: facts that all ranks must agree on
  std::uint64_t window_bytes = 0;  // of shared memory that each rank of a host contributes
  const Settings* settings = nullptr;
  std::int32_t init_timeout_ms = 300'000;
};

// The ranks of one host: a memory object that all of them have mapped or will map.
struct HostMemory {
  UniqueFd fd;  // a sealed memfd of at least ranks.size() * (window_bytes rounded up to pages);
                // invalid if alone
  std::vector<std::int32_t> ranks;  // ascending, this one among them
};

class Session {
 public:
  // Joins, or fails on every rank that had joined. `latch` outlives the session. Hooks are called
  // only if joining succeeds, and then perhaps a moment before join() has returned.
  static Result<std::unique_ptr<Session>> join(const JoinOptions& options, FailureLatch& latch,
                                               SessionHooks hooks);

  virtual ~Session() = default;
  virtual std::int32_t rank() const noexcept = 0;
  virtual const std::vector<Member>& members() const noexcept = 0;
  virtual const std::vector<std::string>& greetings() const noexcept = 0;  // by rank
  virtual HostMemory take_host_memory() = 0;                               // once

  // Collective and blocking: everybody's bytes (at most 4 KiB each), by rank. Ends early when the
  // latch is raised. For setting up, not for data.
  virtual Result<std::vector<std::string>> exchange(std::string_view mine, Deadline deadline) = 0;

  // Tells the other ranks of a failure, without waiting; the latch here should have been raised
  // already.
  virtual void spread(const Status& failure) = 0;

  // Asks the tree about operation `sequence`, without waiting; at most one question is under way. A
  // mismatch is spread by the tree itself as a failure; else diagnosis() changes and `wake` is
  // called.
  virtual void ask(std::uint64_t sequence) = 0;
  virtual std::optional<Diagnosis> diagnosis() const = 0;

  // Begins to connect a data socket (number `lane`) with `peer`, without waiting; both sides call
  // it. Failure raises the latch. take_link() gives the authenticated non-blocking socket once,
  // when it is there.
  virtual void connect_link(std::int32_t peer, std::int32_t lane) = 0;
  virtual UniqueFd take_link(std::int32_t peer, std::int32_t lane) = 0;

  // Leaves in good order after having called `operations` operations: from now on this rank's end
  // of file is no death, and failures of others do not reach the latch. Not collective, waits for
  // nobody; ending the session without it counts as leaving after 0 operations.
  virtual void leave(std::uint64_t operations) = 0;
};

}  // namespace hfreduce::bootstrap
