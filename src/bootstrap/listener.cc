#include "bootstrap/listener.h"

#include <sys/socket.h>

#include <cerrno>

#include "base/log.h"

namespace hfreduce::bootstrap {
namespace {

constexpr int kAcceptsATurn = 64;  // then others get theirs
constexpr Nanoseconds kPauseWithoutDescriptors = 100'000'000;
constexpr Nanoseconds kQuietTime = 10'000'000'000;  // between two warnings about that

}  // namespace

Listener::Listener(Loop& loop, UniqueFd socket, Arrived arrived)
    : loop_(loop), socket_(std::move(socket)), arrived_(std::move(arrived)) {
  watch();
}

void Listener::ready(std::uint32_t) {
  for (int i = 0; i < kAcceptsATurn; ++i) {
    const int accepted = accept4(socket_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (accepted >= 0) {
      arrived_(UniqueFd(accepted));
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      return pause();
    } else if (errno != ECONNABORTED && errno != EINTR) {
      return;
    }
  }
}

void Listener::pause() {
  const Status why = system_error("accepting a connection");
  if (now_ns() >= quiet_until_) {
    HFR_LOG(kWarn, "join", "{}: trying again every 100 ms; raise the limit (ulimit -n)",
            why.text());
  }
  quiet_until_ = now_ns() + kQuietTime;
  watch_.reset();
  timer_ = loop_.after(kPauseWithoutDescriptors, [this] { watch(); });
}

}  // namespace hfreduce::bootstrap
