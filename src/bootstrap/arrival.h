// A connection that somebody made to this process and that has not yet proved anything.
#pragma once

#include <string>

#include "bootstrap/handshake.h"
#include "bootstrap/loop.h"

namespace hfreduce::bootstrap {

class Reception;

class Arrival final : public Watcher {
 public:
  Arrival(Reception& reception, UniqueFd fd);
  bool start();
  bool silent() const { return received_.empty() && !challenged_; }
  Nanoseconds since() const { return since_; }

 private:
  void ready(std::uint32_t events) override;
  void take_hello();
  void take_proof();
  bool say(std::string_view bytes);
  void leave(const char* why);

  Reception& reception_;
  const Nanoseconds since_ = now_ns();
  UniqueFd fd_;
  Watch watch_;
  std::string received_;
  bool challenged_ = false;
  Hello hello_;
  Hash nonce_{};
};

}  // namespace hfreduce::bootstrap
