#include "bootstrap/host_group.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <thread>

#include "base/file_size.h"
#include "base/log.h"
#include "bootstrap/local_socket.h"
#include "bootstrap/secrets.h"
#include "bootstrap/wire.h"

namespace hfreduce::bootstrap {
namespace {

constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
constexpr int kSliceMs = 100;  // how often somebody who waits looks whether joining has failed

std::string socket_name(const GroupPlan& plan) {
  const Writer who = Writer().raw(view_of(plan.job)).i32(plan.candidates.front());
  return "hfreduce-" +
         to_hex(view_of(keyed_hash(plan.secret, "memory socket", Writer(who).take())));
}

Hash proof(const GroupPlan& plan, std::string_view role, std::int32_t rank) {
  return keyed_hash(plan.secret, role, Writer().raw(view_of(plan.job)).i32(rank).take());
}

Result<UniqueFd> make_memory(std::uint64_t bytes) {
  HFR_TRY(check_file_size(bytes));
  UniqueFd fd(memfd_create("hfreduce", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return system_error("creating shared memory (memfd_create)");
  if (ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0) {
    return system_error(fmt::format("sizing shared memory to {} bytes (ftruncate)", bytes));
  }
  if (fcntl(fd.get(), F_ADD_SEALS, kSeals) != 0) return system_error("sealing shared memory");
  return fd;
}

Hash to_hash(std::string_view bytes) {
  Hash hash{};
  std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(hash.data()));
  return hash;
}

bool over(const GroupPlan& plan) {
  return plan.deadline.passed() || (plan.give_up && plan.give_up());
}

Deadline soon() { return Deadline::after_ms(kSliceMs); }

// Gives the memory to one visitor; returns its rank, or -1.
std::int32_t serve_one(const GroupPlan& plan, const UniqueFd& visitor, const UniqueFd& memory) {
  const LocalMessage message = receive_local(visitor, 4 + 32, Deadline::after_ms(1000));
  if (message.bytes.empty()) return -1;
  Reader reader(message.bytes);
  const std::int32_t rank = reader.i32();
  const bool known = std::binary_search(plan.candidates.begin(), plan.candidates.end(), rank) &&
                     equal(to_hash(reader.raw(32)), proof(plan, "memory member", rank));
  if (!known) return -1;
  return send_local(visitor, view_of(proof(plan, "memory leader", rank)), memory.get()) ? rank : -1;
}

Result<GroupOutcome> lead(const GroupPlan& plan) {
  HFR_ASSIGN(UniqueFd memory, make_memory(whole_pages(plan.window_bytes) * plan.candidates.size()));
  HFR_ASSIGN(const UniqueFd listener, listen_local(socket_name(plan)));
  std::set<std::int32_t> served;
  while (served.size() + 1 < plan.candidates.size() && !over(plan)) {
    HFR_ASSIGN(const UniqueFd visitor, accept_local(listener, soon()));
    if (!visitor) continue;
    const std::int32_t rank = serve_one(plan, visitor, memory);
    if (rank > plan.rank) served.insert(rank);
  }
  if (served.empty()) return GroupOutcome{UniqueFd(), plan.rank};
  return GroupOutcome{std::move(memory), plan.rank};
}

// What was handed over must be what was promised: a shrinking file would kill whoever maps it.
bool is_good_memory(const GroupPlan& plan, const UniqueFd& memory) {
  struct stat facts {};
  const int seals = memory ? fcntl(memory.get(), F_GET_SEALS) : -1;
  return seals >= 0 && (seals & kSeals) == kSeals && fstat(memory.get(), &facts) == 0 &&
         static_cast<std::uint64_t>(facts.st_size) >=
             whole_pages(plan.window_bytes) * plan.candidates.size();
}

Result<GroupOutcome> follow(const GroupPlan& plan) {
  const std::string name = socket_name(plan);
  const std::string card =
      Writer().i32(plan.rank).raw(view_of(proof(plan, "memory member", plan.rank))).take();
  for (int pause_ms = 1; !over(plan); pause_ms = std::min(pause_ms * 2, 50)) {
    HFR_ASSIGN(const UniqueFd leader, connect_local(name));
    if (!leader || !send_local(leader, card)) {
      // The leader has not come so far yet.
      std::this_thread::sleep_for(std::chrono::milliseconds(pause_ms));
      continue;
    }
    while (!wait_readable(leader, soon()) && !over(plan)) {
    }
    LocalMessage answer = receive_local(leader, 32, Deadline::after_ms(0));
    if (answer.bytes.empty() ||
        !equal(to_hash(answer.bytes), proof(plan, "memory leader", plan.rank))) {
      continue;
    }
    // The kernel drops a descriptor for which the receiver has no room.
    if (!answer.passed) {
      return system_error(
          fmt::format("receiving the shared memory of rank {} (raise RLIMIT_NOFILE, `ulimit -n`)",
                      plan.candidates.front()),
          EMFILE);
    }
    if (!is_good_memory(plan, answer.passed)) {
      return Status(Code::kMismatch,
                    fmt::format("rank {} handed over shared memory that is not sealed or smaller "
                                "than {} windows of {} bytes: ranks with different settings?",
                                plan.candidates.front(), plan.candidates.size(), plan.window_bytes))
          .with_rank(plan.candidates.front());
    }
    return GroupOutcome{std::move(answer.passed), plan.candidates.front()};
  }
  return GroupOutcome{UniqueFd(), plan.rank};
}

}  // namespace

std::uint64_t whole_pages(std::uint64_t bytes) {
  const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  return (bytes + page - 1) / page * page;
}

Result<GroupOutcome> form_group(const GroupPlan& plan) {
  if (plan.candidates.size() < 2) return GroupOutcome{UniqueFd(), plan.rank};
  auto outcome = plan.candidates.front() == plan.rank ? lead(plan) : follow(plan);
  if (outcome.ok() && !outcome->fd) {
    HFR_LOG(kInfo, "join",
            "rank {}: no memory could be shared with the ranks that seem to be on this host; going "
            "on over the network",
            plan.rank);
  }
  return outcome;
}

}  // namespace hfreduce::bootstrap
