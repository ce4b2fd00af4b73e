// Connects to a listener of the job and goes through the handshake, trying again until it works.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bootstrap/handshake.h"
#include "bootstrap/loop.h"

namespace hfreduce::bootstrap {

struct DialPlan {
  std::vector<Address> addresses;  // tried in turn
  Hello hello;                     // its nonce is chosen anew for each attempt
  Secret secret{};
  Deadline deadline = Deadline::never();
  Nanoseconds first_delay = 0;  // so that the ranks of a big job do not all come at once
  bool once = false;            // give up when each address has been tried
};

class Dial final : public Watcher {
 public:
  // Success: the connected, non-blocking socket, and the address that answered.
  struct Outcome {
    UniqueFd fd;
    Address address;
  };
  using Done = std::function<void(Result<Outcome>)>;

  // `done` is called once, from the loop; it may drop the dial. kAuthFailed, kTimeout (with what
  // happened last), kPeerDead (refused: that rank has left), kSystemError (no socket to be had).
  Dial(Loop& loop, DialPlan plan, Done done);
  void start();
  // Nothing is called back any more.
  void cancel();
  // Sends this right behind our proof. False before that: the other side cannot have let us in.
  bool say_behind_proof(std::string_view bytes);

 private:
  enum class Stage { kWaiting, kConnecting, kChallenge, kVerdict };
  void ready(std::uint32_t events) override;
  void attempt();
  void connected();
  void read_answer();
  void take_challenge();
  void take_verdict();
  bool say(std::string_view bytes);
  void trouble(std::string what);
  void finish(Result<Outcome> outcome);
  const Address& address() const { return plan_.addresses[turn_ % plan_.addresses.size()]; }

  Loop& loop_;
  DialPlan plan_;
  Done done_;
  UniqueFd fd_;
  Watch watch_;
  Timer timer_;
  Stage stage_ = Stage::kWaiting;
  std::size_t turn_ = 0;
  Nanoseconds pause_ = 0;
  std::string received_;
  std::string trouble_;
};

// Cancels it, and frees it when the calls under way have returned.
void drop(Loop& loop, std::unique_ptr<Dial> dial);

}  // namespace hfreduce::bootstrap
