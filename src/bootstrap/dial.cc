#include "bootstrap/dial.h"

#include <fmt/core.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace hfreduce::bootstrap {
namespace {

constexpr Nanoseconds kAttemptTime = 10'000'000'000;  // generous: 5 % of packets may be lost
constexpr Nanoseconds kShortestPause = 5'000'000;
constexpr Nanoseconds kLongestPause = 500'000'000;

// Between 3/4 and 5/4 of `pause`, so that those who collided once do not collide again.
Nanoseconds spread_out(Nanoseconds pause) {
  const auto random = random_array<2>();
  const Nanoseconds share = random[0] * 256 + random[1];
  return pause * 3 / 4 + pause / 2 * share / 65536;
}

}  // namespace

Dial::Dial(Loop& loop, DialPlan plan, Done done)
    : loop_(loop), plan_(std::move(plan)), done_(std::move(done)) {}

void Dial::start() {
  timer_ = loop_.after(plan_.first_delay, [this] { attempt(); });
}

void Dial::attempt() {
  stage_ = Stage::kConnecting;
  received_.clear();
  fd_ = UniqueFd(::socket(address().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd_) {  // nobody else can mend that
    return finish(
        system_error("opening a socket (open files: ulimit -n)").with_rank(plan_.hello.rank));
  }
  const int yes = 1;
  setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  if (::connect(fd_.get(), address().raw(), address().size()) != 0 && errno != EINPROGRESS) {
    return trouble(system_error("connecting").text());
  }
  watch_ = loop_.watch(fd_.get(), EPOLLOUT, *this);
  if (!watch_) return trouble("could not be watched");
  const Nanoseconds left = std::max<Nanoseconds>(plan_.deadline.at() - now_ns(), 0);
  // An attempt that the deadline cuts short says less than the one before it.
  timer_ = loop_.after(std::min(kAttemptTime, left), [this] {
    if (!plan_.deadline.passed() || trouble_.empty()) return trouble("no answer");
    finish(Status(Code::kTimeout, trouble_));
  });
}

void Dial::ready(std::uint32_t) { stage_ == Stage::kConnecting ? connected() : read_answer(); }

void Dial::connected() {
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) return trouble(system_error("connecting", error).text());
  plan_.hello.nonce = random_array<32>();
  stage_ = Stage::kChallenge;
  loop_.change(watch_, EPOLLIN);
  if (!say(encode(plan_.hello))) trouble("the connection broke in the handshake");
}

bool Dial::say(std::string_view bytes) {
  const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  return sent == static_cast<ssize_t>(bytes.size());
}

bool Dial::say_behind_proof(std::string_view bytes) {
  return stage_ == Stage::kVerdict && say(bytes);
}

void Dial::read_answer() {
  const std::size_t needed = stage_ == Stage::kChallenge ? kChallengeBytes : kVerdictBytes;
  std::array<char, kChallengeBytes> buffer;
  const ssize_t bytes = ::recv(fd_.get(), buffer.data(), needed - received_.size(), MSG_DONTWAIT);
  if (bytes < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (bytes < 0) return trouble(system_error("reading the answer").text());
  if (bytes == 0) {
    return trouble(
        "it hung up on us: either the rank that should listen there is not ready, or something "
        "else listens there, or it belongs to another job (another secret or unique id)");
  }
  received_.append(buffer.data(), static_cast<std::size_t>(bytes));
  if (received_.size() < needed) return;
  stage_ == Stage::kChallenge ? take_challenge() : take_verdict();
}

void Dial::take_challenge() {
  const auto challenge = decode_challenge(received_);
  if (!challenge) return trouble("what listens there does not speak hfreduce");
  const Hash expected = listener_proof(plan_.secret, plan_.hello, challenge->nonce);
  if (!equal(challenge->proof, expected)) {
    return finish(Status(
        Code::kAuthFailed,
        fmt::format("{} belongs to this job but has another secret than this rank: all ranks need "
                    "the same unique id or the same HFREDUCE_SECRET_FILE content",
                    address().to_string())));
  }
  stage_ = Stage::kVerdict;
  received_.clear();
  const Hash proof = joiner_proof(plan_.secret, plan_.hello, challenge->nonce);
  if (!say(view_of(proof))) trouble("the connection broke in the handshake");
}

void Dial::take_verdict() {
  const auto verdict = decode_verdict(received_);
  if (!verdict) return trouble("what listens there does not speak hfreduce");
  if (*verdict != Verdict::kWelcome) {
    return finish(Status(Code::kPeerDead, fmt::format("{} refused the connection: that rank has "
                                                      "left, or has such a connection already",
                                                      address().to_string())));
  }
  watch_.reset();
  finish(Outcome{std::move(fd_), address()});
}

void Dial::trouble(std::string what) {
  trouble_ = fmt::format("{}: {}", address().to_string(), what);
  watch_.reset();
  fd_.reset();
  timer_.reset();
  stage_ = Stage::kWaiting;
  ++turn_;
  const bool round_done = turn_ % plan_.addresses.size() == 0;
  if (plan_.deadline.passed() || (plan_.once && round_done)) {
    return finish(Status(Code::kTimeout, trouble_));
  }
  // Another address is worth trying at once.
  if (round_done) pause_ = std::clamp(pause_ * 2, kShortestPause, kLongestPause);
  const Nanoseconds left = std::max<Nanoseconds>(plan_.deadline.at() - now_ns(), 0);
  const Nanoseconds pause = round_done ? spread_out(pause_) : 0;
  timer_ = loop_.after(std::min(pause, left), [this] {
    plan_.deadline.passed() ? finish(Status(Code::kTimeout, trouble_)) : attempt();
  });
}

void Dial::cancel() {
  watch_.reset();
  timer_.reset();
  fd_.reset();
}

void drop(Loop& loop, std::unique_ptr<Dial> dial) {
  if (!dial) return;
  dial->cancel();
  loop.bury(std::move(dial));
}

void Dial::finish(Result<Outcome> outcome) {
  watch_.reset();
  timer_.reset();
  const Done done = std::move(done_);
  done(std::move(outcome));
}

}  // namespace hfreduce::bootstrap
