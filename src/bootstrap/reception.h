// Where this process listens, and who may come in: one wildcard listener a process, and one more at
// each fixed port that a launcher's environment asks for.
//
// Whoever connects has to get through the handshake before anything beyond a fixed-size header is
// looked at. Strangers are counted and hung up on; silence is ended by a deadline; the number of
// handshakes under way is bounded. None of it is an error for the job.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/settings.h"
#include "bootstrap/address.h"
#include "bootstrap/arrival.h"
#include "bootstrap/handshake.h"
#include "bootstrap/loop.h"

namespace hfreduce::bootstrap {

// Who is behind a door: the rendezvous of a job, or one rank of it.
class Party {
 public:
  virtual ~Party() = default;
  virtual const Secret& secret() const = 0;
  // Whether this visitor, who has proved the secret, may come in.
  virtual Verdict judge(const Hello& hello) = 0;
  // A connection that was told welcome; non-blocking.
  virtual void admit(const Hello& hello, UniqueFd fd) = 0;
};

class Reception {
 public:
  // The process's only one; makes the wildcard listener the first time. Thread-safe.
  static Result<Reception*> instance(const Settings& settings);
  // Connections that were turned away so far. Thread-safe.
  static std::uint64_t strangers() noexcept;

  Loop& loop() const { return loop_; }
  // Where others should connect, seen from one who has reached the rendezvous from `local`.
  // Thread-safe.
  Address advertise(const Address& local) const {
    return (bound_.empty() ? local : bound_.front()).with_port(port_);
  }
  // Addresses of this process for a unique id, best first. Thread-safe.
  Result<std::vector<Address>> addresses() const;
  // Also listens at `port`, until the process ends; nothing to do if it does already.
  Status listen_at(std::uint16_t port);

  // `target`: a rank, or -1 for the rendezvous. False: there is one.
  bool open_door(const JobId& job, std::int32_t target, Party& party);
  void close_door(const JobId& job, std::int32_t target);

 private:
  friend class Arrival;
  explicit Reception(Loop& loop) : loop_(loop) {}
  Status listen(const Settings& settings);
  Result<std::uint16_t> add_listener(std::uint16_t port);
  Party* find(const Hello& hello) const;
  void arrived(UniqueFd fd);
  void depart(Arrival& arrival, const char* why);
  void welcome(Arrival& arrival, const Hello& hello, UniqueFd fd);
  void turn_away_late();

  Loop& loop_;
  std::uint16_t port_ = 0;
  std::vector<Address> bound_;  // addresses of HFREDUCE_INTERFACE; empty: wildcard
  std::vector<std::uint16_t> fixed_ports_;
  std::map<std::pair<JobId, std::int32_t>, Party*> doors_;
  std::list<std::unique_ptr<Arrival>> arrivals_;  // oldest first
  Timer late_;
};

}  // namespace hfreduce::bootstrap
