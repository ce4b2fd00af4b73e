// An authenticated control connection: frames in, frames out, nothing blocks.
#pragma once

#include <memory>
#include <string>

#include "bootstrap/frame.h"
#include "bootstrap/loop.h"
#include "bootstrap/silence.h"

namespace hfreduce::bootstrap {

class Channel;

// Whose channel it is. Within these calls the owner may close channels, this one too.
class ChannelOwner {
 public:
  virtual ~ChannelOwner() = default;
  virtual void on_frame(Channel& channel, Frame frame) = 0;
  // The connection is over: kPeerDead (its process closed it), kPeerUnreachable (silence), or
  // kProtocolError. The channel is closed already.
  virtual void on_end(Channel& channel, Status why) = 0;
  // Everything that was sent has left this process.
  virtual void on_drained(Channel& channel) = 0;
};

class Channel final : public Watcher {
 public:
  // `fd`: connected and non-blocking. Watches over the other end's answers (silence.h).
  Channel(Loop& loop, UniqueFd fd, ChannelOwner& owner);
  // Must be called before events can arrive, once the owner knows the channel.
  void start();

  void send(FrameType type, std::string payload = {});
  bool drained() const { return out_.empty(); }
  bool open() const { return fd_.valid(); }
  void close();

 private:
  void ready(std::uint32_t events) override;
  void read_some();
  void write_some();
  void end(Status why);

  Loop& loop_;
  ChannelOwner& owner_;
  UniqueFd fd_;
  Watch watch_;
  SilenceWatch silence_;
  FrameSplitter in_;
  std::string out_;
};

// Closes and frees it when the calls under way have returned.
void drop(Loop& loop, std::unique_ptr<Channel> channel);

}  // namespace hfreduce::bootstrap
