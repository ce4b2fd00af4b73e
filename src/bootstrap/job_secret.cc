#include "bootstrap/job_secret.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <thread>

#include "bootstrap/listener.h"
#include "bootstrap/local_socket.h"
#include "bootstrap/loop.h"
#include "bootstrap/secrets.h"

namespace hfreduce::bootstrap {
namespace {

constexpr std::size_t kLeastSecret = 32;
constexpr std::size_t kMostSecret = 1 << 20;

Status unfit(const std::string& path, const std::string& why) {
  return Status(Code::kAuthFailed, fmt::format("HFREDUCE_SECRET_FILE={}: {}", path, why));
}

std::string socket_name(const std::string& name) {
  return fmt::format("hfreduce-join-{}-{}", geteuid(),
                     to_hex(view_of(plain_hash("local join", name))).substr(0, 32));
}

}  // namespace

Result<Secret> read_secret_file(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return unfit(path, system_error("cannot be opened").text());
  struct stat facts {};
  if (fstat(fd.get(), &facts) != 0) return unfit(path, system_error("fstat").text());
  if (!S_ISREG(facts.st_mode)) return unfit(path, "is not a regular file");
  if (facts.st_uid != geteuid()) {
    return unfit(path, fmt::format("belongs to user {}, not to {}", facts.st_uid, geteuid()));
  }
  if ((facts.st_mode & 077) != 0) {
    return unfit(path, fmt::format("others may use it (mode {:04o}): chmod 600 it and put a new "
                                   "secret in",
                                   facts.st_mode & 07777));
  }
  std::string content;
  std::array<char, 4096> buffer;
  for (;;) {
    const ssize_t bytes = ::read(fd.get(), buffer.data(), buffer.size());
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes < 0) return unfit(path, system_error("cannot be read").text());
    if (bytes == 0) break;
    content.append(buffer.data(), static_cast<std::size_t>(bytes));
    if (content.size() > kMostSecret) return unfit(path, "is larger than 1 MiB");
  }
  if (content.size() < kLeastSecret) {
    return unfit(path,
                 fmt::format("holds {} bytes, at least {} are needed: head -c 32 /dev/urandom "
                             "makes them",
                             content.size(), kLeastSecret));
  }
  return plain_hash("secret file", content);
}

Status serve_locally(const std::string& name, const UniqueId& id) {
  HFR_ASSIGN(Loop* const loop, Loop::instance());
  auto listener = listen_local(socket_name(name));
  if (!listener.ok()) {
    return listener.status().in_context(
        "offering the job's secret to the ranks of this host (does another job of this user use "
        "the "
        "same MASTER_PORT?)");
  }
  const auto answer = [packed = id.pack()](UniqueFd visitor) {
    if (same_user(visitor)) send_local(visitor, {packed.data(), packed.size()});
  };
  loop->call([&] { loop->keep(std::make_unique<Listener>(*loop, std::move(*listener), answer)); });
  return {};
}

Result<UniqueId> fetch_locally(const std::string& name, Deadline deadline) {
  const std::string at = socket_name(name);
  for (int pause_ms = 1;; pause_ms = std::min(pause_ms * 2, 50)) {
    HFR_ASSIGN(const UniqueFd server, connect_local(at));
    if (server) {
      const LocalMessage message =
          receive_local(server, UniqueId::kBytes, Deadline::after_ms(1000));
      if (!message.bytes.empty()) {
        return UniqueId::unpack(std::span<const char, UniqueId::kBytes>(message.bytes));
      }
    }
    if (deadline.passed()) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(pause_ms));
  }
  return Status(
      Code::kTimeout,
      "rank 0 of this job has not appeared on this host under this user: was it started?");
}

}  // namespace hfreduce::bootstrap
