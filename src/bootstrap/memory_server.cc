#include "bootstrap/memory_server.h"

#include <fmt/core.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <list>
#include <memory>
#include <mutex>

#include "bootstrap/listener.h"
#include "bootstrap/local_socket.h"
#include "bootstrap/loop.h"
#include "bootstrap/secrets.h"

namespace hfreduce::bootstrap {
namespace {

using Find = std::function<UniqueFd(std::uint64_t)>;

constexpr std::size_t kMostVisitors = 256;

std::string socket_name(std::uint64_t server) {
  return fmt::format("hfreduce-memory-{}-{:016x}", geteuid(), server);
}

class Server;

class Visitor final : public Watcher {
 public:
  Visitor(Server& server, UniqueFd socket) : server_(server), socket_(std::move(socket)) {}
  bool start(Loop& loop) {
    watch_ = loop.watch(socket_.get(), EPOLLIN, *this);
    return watch_ != nullptr;
  }

 private:
  void ready(std::uint32_t) override;
  Server& server_;
  UniqueFd socket_;
  Watch watch_;
};

class Server final : public Resident {
 public:
  Server(Loop& loop, UniqueFd socket, Find find)
      : loop_(loop),
        find_(std::move(find)),
        listener_(loop, std::move(socket), [this](UniqueFd visitor) {
          if (same_user(visitor)) arrived(std::move(visitor));
        }) {}
  UniqueFd find(std::uint64_t number) const { return find_(number); }
  void part_with(const Visitor& visitor) {
    const auto at = std::find_if(visitors_.begin(), visitors_.end(),
                                 [&](const auto& other) { return other.get() == &visitor; });
    if (at == visitors_.end()) return;
    loop_.bury(std::move(*at));
    visitors_.erase(at);
  }

 private:
  void arrived(UniqueFd visitor) {
    // Who connects asks at once; the oldest of many has nothing to say.
    if (visitors_.size() == kMostVisitors) part_with(*visitors_.front());
    visitors_.push_back(std::make_unique<Visitor>(*this, std::move(visitor)));
    if (!visitors_.back()->start(loop_)) visitors_.pop_back();
  }

  Loop& loop_;
  Find find_;
  std::list<std::unique_ptr<Visitor>> visitors_;
  Listener listener_;
};

void Visitor::ready(std::uint32_t) {
  const LocalMessage question =
      receive_local(socket_, sizeof(std::uint64_t), Deadline::after_ms(0));
  if (!question.bytes.empty()) {
    std::uint64_t number = 0;
    std::memcpy(&number, question.bytes.data(), sizeof number);
    const UniqueFd fd = server_.find(number);
    if (fd) send_local(socket_, "y", fd.get());
  }
  watch_.reset();
  server_.part_with(*this);
}

}  // namespace

Result<std::uint64_t> serve_memory(const Find& find) {
  static std::mutex mutex;
  static std::uint64_t serving = 0;
  HFR_ASSIGN(Loop* const loop, Loop::instance());
  const std::lock_guard lock(mutex);
  if (serving != 0) return serving;
  std::uint64_t name = 0;
  const auto random = random_array<sizeof name>();
  std::memcpy(&name, random.data(), sizeof name);
  name |= 1;
  HFR_ASSIGN(UniqueFd listener, listen_local(socket_name(name)));
  loop->call([&] { loop->keep(std::make_unique<Server>(*loop, std::move(listener), find)); });
  return serving = name;
}

MemoryRequest::MemoryRequest(std::uint64_t server, std::uint64_t number) : number_(number) {
  if (auto connected = connect_local(socket_name(server)); connected.ok())
    socket_ = std::move(connected).value();
  char bytes[sizeof number];
  std::memcpy(bytes, &number, sizeof number);
  if (socket_ && !send_local(socket_, {bytes, sizeof bytes})) socket_.reset();
}

Result<UniqueFd> MemoryRequest::poll() {
  const auto refused = [this] {
    return Status(Code::kSystemError,
                  fmt::format("its process does not hand out memory object {}: freed while it was "
                              "in use, too many open files there (ulimit -n), or its process ended",
                              number_));
  };
  if (!socket_) return refused();
  if (!wait_readable(socket_, Deadline::after_ms(0))) return UniqueFd();
  LocalMessage answer = receive_local(socket_, 1, Deadline::after_ms(0));
  if (!answer.passed) return refused();
  return std::move(answer.passed);
}

}  // namespace hfreduce::bootstrap
