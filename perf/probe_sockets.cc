#include "probe_sockets.h"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "clock.h"
#include "failure.h"
#include "ring_addresses.h"
#include "statistics.h"

namespace hfreduce::perf {
namespace {

constexpr std::int64_t kPatienceNs = 60'000'000'000;
constexpr std::uint64_t kPiece = 1 << 20;

// How many bytes went; 0: none could now.
std::uint64_t went(ssize_t result, const char* what) {
  if (result > 0) return static_cast<std::uint64_t>(result);
  if (result < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  if (result == 0) throw Failure(fmt::format("plain sockets: {}: the other side closed", what));
  fail_with_errno(fmt::format("plain sockets: {}", what));
}

}  // namespace

void CloseDescriptor::operator()(DescriptorNumber descriptor) const noexcept {
  close(descriptor.number);
}

std::unique_ptr<SocketRing> SocketRing::connect(const Seat& seat) {
  auto ring = std::make_unique<SocketRing>();
  double failed = 0;
  Doorbell mine;
  if (seat.leads_host()) {
    try {
      mine = open_doorbell();
    } catch (const Failure& failure) {
      complain(fmt::format("rank {}: no limit by plain sockets: {}", seat.rank, failure.what()));
    }
  }
  mine.card.host = seat.host;
  mine.card.leads = seat.leads_host() ? 1 : 0;
  const std::vector<DoorCard> cards = swap_door_cards(seat.gang(), mine.card);
  if (seat.leads_host()) {
    try {
      ring->next_ = ring_next(cards, (seat.host + 1) % seat.hosts);
      ring->previous_ = answer_previous(mine);
      wait_for_answer(ring->next_.get().number);
      char name[16] = {};
      socklen_t size = sizeof(name) - 1;
      getsockopt(ring->next_.get().number, IPPROTO_TCP, TCP_CONGESTION, name, &size);
      ring->system_ = name;
    } catch (const Failure& failure) {
      complain(fmt::format("rank {}: no limit by plain sockets: {}", seat.rank, failure.what()));
      failed = 1;
    }
  }
  seat.gang().maximum(std::span(&failed, 1));
  return failed != 0 ? nullptr : std::move(ring);
}

std::string SocketRing::address_here() const {
  sockaddr_storage here = {};
  socklen_t size = sizeof(here);
  auto* name = reinterpret_cast<sockaddr*>(&here);
  if (!previous_ || getsockname(previous_.get().number, name, &size) != 0) return "";
  char text[NI_MAXHOST] = {};
  if (getnameinfo(name, size, text, sizeof(text), nullptr, 0, NI_NUMERICHOST) != 0) return "";
  const std::string address = text;
  const std::string mapped = "::ffff:";  // IPv4, taken by a socket that takes both
  return address.rfind(mapped, 0) == 0 ? address.substr(mapped.size()) : address;
}

void SocketRing::exchange(std::span<std::byte> memory, std::uint64_t out, std::uint64_t in) const {
  const std::int64_t begin = now_ns();
  std::uint64_t sent = 0, received = 0;
  // The first half of the memory is sent from, the second received into, over and over.
  const std::uint64_t half = memory.size() / 2;
  const auto piece = [&](std::uint64_t done, std::uint64_t all) {
    return std::min({all - done, half - done % half, kPiece});
  };
  while (sent < out || received < in) {
    std::uint64_t moved = 0;
    if (sent < out) {
      moved += went(send(next_.get().number, memory.data() + sent % half, piece(sent, out),
                         MSG_DONTWAIT | MSG_NOSIGNAL),
                    "sending");
      sent += moved;
    }
    if (received < in) {
      const std::uint64_t got =
          went(recv(previous_.get().number, memory.data() + half + received % half,
                    piece(received, in), MSG_DONTWAIT),
               "receiving");
      received += got;
      moved += got;
    }
    if (moved > 0) continue;
    sched_yield();
    if (now_ns() - begin > kPatienceNs) throw Failure("plain sockets: nothing moved for 60 s");
  }
}

double SocketRing::exchange_us(Seat& seat, std::uint64_t out, std::uint64_t in, int times) {
  std::vector<std::byte> memory;
  if (seat.leads_host()) {
    memory.resize(2 * std::clamp<std::uint64_t>(std::max(out, in), 64, 64 << 20), std::byte{1});
  }
  // Like with like: where one was asked for, by that one.
  const char* wanted = std::getenv("HFREDUCE_CONGESTION");
  if (wanted != nullptr && *wanted != '\0') {
    use(std::strcmp(wanted, "system") == 0 ? system_ : wanted);
    return median_us(seat, memory, out, in, times);
  }
  use("reno");
  const double by_reno = median_us(seat, memory, out, in, times);
  use(system_);
  return std::min(by_reno, median_us(seat, memory, out, in, times));
}

// Best effort: where a kernel has no reno, the system's is measured twice.
void SocketRing::use(const std::string& congestion) const {
  if (!next_) return;
  // What would lie unsent in the kernel would be sent out of order (docs/limits.md).
  const int unsent = 128 << 10;
  setsockopt(next_.get().number, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent));
  setsockopt(next_.get().number, IPPROTO_TCP, TCP_CONGESTION, congestion.data(),
             static_cast<socklen_t>(congestion.size()));
}

double SocketRing::median_us(Seat& seat, std::span<std::byte> memory, std::uint64_t out,
                             std::uint64_t in, int times) {
  std::vector<double> samples(static_cast<std::size_t>(times));
  for (double& sample : samples) {
    seat.gang().fence();
    const std::int64_t begin = now_ns();
    if (seat.leads_host()) exchange(memory, out, in);
    sample = us_since(begin);
  }
  seat.gang().maximum(samples);
  return spread_of(samples).median;
}

}  // namespace hfreduce::perf
