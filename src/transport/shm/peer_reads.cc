#include "transport/shm/peer_reads.h"

#include <fmt/core.h>
#include <sys/random.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>

namespace hfreduce::transport {
namespace {

void* remote(std::uint64_t address) { return reinterpret_cast<void*>(address); }

// -1: this kernel has no Yama.
int ptrace_scope() {
  const std::unique_ptr<FILE, int (*)(FILE*)> file(
      std::fopen("/proc/sys/kernel/yama/ptrace_scope", "re"), std::fclose);
  int scope = -1;
  return file && std::fscanf(file.get(), "%d", &scope) == 1 ? scope : -1;
}

std::string what_would_help(int error) {
  if (error == EPERM && ptrace_scope() > 0)
    return fmt::format(
        "kernel.yama.ptrace_scope is {}: with 0, or with the capability CAP_SYS_PTRACE, it may",
        ptrace_scope());
  if (error == EPERM || error == EACCES)
    return "processes of one user in one namespace of processes and users may, unless a seccomp "
           "filter or PR_SET_DUMPABLE forbids it; else it takes the capability CAP_SYS_PTRACE";
  if (error == ENOSYS)
    return "this kernel, or the sandbox around this process, does not have that call";
  if (error == ESRCH || error == EFAULT)
    return "its process number means nothing, or another process, here: one namespace of "
           "processes for all ranks (as docker run --pid=host) would help";
  return "";
}

std::string name_of(int error) {
  const char* const name = strerrorname_np(error);
  return name != nullptr ? name : std::to_string(error);
}

}  // namespace

Status PeerReads::announce(ProcessLine& mine) noexcept {
  if (::getrandom(token_.data(), sizeof token_, 0) != sizeof token_)
    return system_error("getrandom");
  mine.token_at.store(reinterpret_cast<std::uint64_t>(token_.data()), std::memory_order_relaxed);
  for (std::size_t i = 0; i < token_.size(); ++i)
    mine.token[i].store(token_[i], std::memory_order_relaxed);
  mine.pid.store(static_cast<std::uint64_t>(::getpid()), std::memory_order_release);
  return {};
}

PeerReads::Process PeerReads::process_of(const ProcessLine& line) noexcept {
  Process process;
  process.pid = static_cast<std::int32_t>(line.pid.load(std::memory_order_acquire));
  process.token_at = line.token_at.load(std::memory_order_relaxed);
  for (std::size_t i = 0; i < process.token.size(); ++i)
    process.token[i] = line.token[i].load(std::memory_order_relaxed);
  return process;
}

std::int64_t PeerReads::read_from(const Process& process, std::uint64_t from, void* to,
                                  std::size_t bytes) noexcept {
  Token token{};
  const iovec here[] = {{token.data(), sizeof token}, {to, bytes}};
  const iovec there[] = {{remote(process.token_at), sizeof token}, {remote(from), bytes}};
  const unsigned long parts = bytes != 0 ? 2 : 1;
  const ssize_t read = ::process_vm_readv(process.pid, here, parts, there, parts, 0);
  if (read < 0) return -1;
  if (read < static_cast<ssize_t>(sizeof token) || token != process.token) {
    errno = ESRCH;
    return -1;
  }
  return read - static_cast<ssize_t>(sizeof token);
}

Status PeerReads::try_all(const Windows& windows, int* refused) {
  processes_.clear();
  for (int local = 0; local < windows.count(); ++local) {
    processes_.push_back(process_of(windows.process(local)));
    const Process& process = processes_.back();
    // Number 0 would be nobody, and negative ones are none.
    errno = ESRCH;
    if (process.pid > 0 && read_from(process, 0, nullptr, 0) == 0) continue;
    const int error = errno;
    *refused = local;
    const std::string help = what_would_help(error);
    return Status(Code::kSystemError, fmt::format("process_vm_readv: {}{}{}", name_of(error),
                                                  help.empty() ? "" : "; ", help));
  }
  return {};
}

Offer PeerReads::offer(const void* buffer, std::size_t bytes) const noexcept {
  const auto at = reinterpret_cast<std::uint64_t>(buffer);
  if (!allowed_ || bytes == 0) return {};
  char ends[2];
  const iovec here = {ends, sizeof ends};
  const iovec there[] = {{remote(at), 1}, {remote(at + bytes - 1), 1}};
  if (::process_vm_readv(::getpid(), &here, 1, there, 2, 0) != sizeof ends) return {};
  return {static_cast<std::uint64_t>(::getpid()), {BufferName::kPrivate, at}, {}};
}

Result<std::size_t> PeerReads::read(std::int32_t local, std::uint64_t from, std::byte* to,
                                    std::size_t bytes) const {
  const auto at = static_cast<std::size_t>(local);
  if (!allowed_ || at >= processes_.size())
    return Status(Code::kProtocolError, "a peer offers private memory, which nobody agreed to");
  const Process& process = processes_[at];
  const std::int64_t read = read_from(process, from, to, std::min(bytes, kPiece));
  if (read > 0) return static_cast<std::size_t>(read);
  const int error = errno;
  if (read == 0) {
    std::byte one;
    const bool readable = read_from(process, from, &one, 1) == 1;
    return Status(Code::kInvalidArgument,
                  readable ? fmt::format("this rank's buffer cannot be written from {} on",
                                         static_cast<const void*>(to))
                           : fmt::format("the root's buffer has {} bytes less than it should: its "
                                         "memory ends at {:#x}, or is a device's",
                                         bytes, from));
  }
  // What is there at the token's place is not the token: another process, or none any more.
  if (error == ESRCH || error == EFAULT)
    return Status(Code::kPeerDead, "its process ended, or left, while its memory was being read");
  return Status(Code::kSystemError,
                fmt::format("reading the root's memory (process_vm_readv), which was possible when "
                            "the communicator was made: {}; HFREDUCE_PEER_READS=0 does without",
                            name_of(error)));
}

}  // namespace hfreduce::transport
