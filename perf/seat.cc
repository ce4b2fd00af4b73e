#include "seat.h"

#include <fmt/format.h>
#include <sched.h>

#include <cstring>
#include <ctime>

#include "clock.h"
#include "failure.h"

namespace hfreduce::perf {
namespace {

constexpr std::int64_t kIdPatienceNs = 60'000'000'000;

hfreduceUniqueId id_of(const Arena& arena, int rank) {
  hfreduceUniqueId id;
  ArenaHeader& header = arena.header();
  static_assert(sizeof(id.internal) == sizeof(header.id));
  if (rank == 0) {
    must(hfreduceGetUniqueId(&id), nullptr, "asking for a unique id");
    std::memcpy(header.id, id.internal, sizeof(header.id));
    header.id_ready.store(1, std::memory_order_release);
    return id;
  }
  const std::int64_t begin = now_ns();
  while (header.id_ready.load(std::memory_order_acquire) == 0) {
    if (header.failed.load() != 0 || now_ns() - begin > kIdPatienceNs) {
      throw Failure("gave up: rank 0 has handed out no unique id");
    }
    const timespec pause = {0, 200'000};
    nanosleep(&pause, nullptr);
  }
  std::memcpy(id.internal, header.id, sizeof(header.id));
  return id;
}

hfreduceConfig_t host_memory_config() {
  hfreduceConfig_t config = HFREDUCE_CONFIG_INITIALIZER;
  config.device = HFREDUCE_DEVICE_HOST;
  config.name = "hfreduce-perf";
  return config;
}

// A request has the library start its progress thread: before this one is bound to a core, which it
// would inherit.
void start_progress(Seat& seat) {
  int one = 1, sum = 0;
  const Call call{Collective::kAllReduce, &one, &sum, 1, hfreduceInt32, hfreduceSum, 0, ""};
  hfreduceRequest_t request = nullptr;
  must(start_call(call, seat.comm.get(), &request), seat.comm.get(), "starting a request");
  must(hfreduceRequestWait(request), seat.comm.get(), "waiting for a request");
  hfreduceRequestFree(request);
}

}  // namespace

std::span<std::byte> Seat::buffer(int which) {
  if (team) return team->arena().buffer(team->index(), which).subspan(offset);
  const std::size_t half = own_memory.size() / 2;
  return std::span(own_memory).subspan(which == 0 ? 0 : half, half).subspan(offset);
}

void register_buffers(Seat& seat) {
  if (!seat.team) {
    throw Failure(
        "--memory mapped: the ranks of this host could not share memory, so there is "
        "none to register");
  }
  const Arena& arena = seat.team->arena();
  for (const int which : {0, 1}) {
    const std::span<std::byte> bytes = seat.buffer(which);
    void* handle = nullptr;  // it stays registered until the process ends
    must(hfreduceCommRegisterMapping(seat.comm.get(), bytes.data(), bytes.size(), arena.fd(),
                                     arena.offset_of(bytes), &handle),
         seat.comm.get(), "registering a buffer");
  }
}

std::vector<int> allowed_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cores;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) {
    for (int core = 0; core < CPU_SETSIZE; ++core) {
      if (CPU_ISSET(core, &set)) cores.push_back(core);
    }
  }
  if (cores.empty()) cores.push_back(0);
  return cores;
}

void bind_to_core(int core) noexcept {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  sched_setaffinity(0, sizeof(set), &set);
}

Seat join_local(const Arena& arena, int rank, const Options& options) {
  const std::vector<int> cores = allowed_cores();
  Seat seat;
  seat.offset = options.offset;
  seat.rank = rank;
  seat.ranks = arena.members();
  seat.cores = cores;
  seat.machine_ranks = seat.ranks;
  seat.machine_cores = static_cast<int>(cores.size());
  seat.shape = {seat.ranks, 1, seat.ranks, static_cast<int>(cores.size())};
  seat.team = std::make_unique<Team>(arena, rank, seat.ranks > seat.shape.cores);
  const hfreduceUniqueId id = id_of(arena, rank);
  const hfreduceConfig_t config = host_memory_config();
  hfreduceComm_t comm = nullptr;
  must(hfreduceCommInitRankConfig(&comm, seat.ranks, id, rank, &config), nullptr, "joining");
  seat.comm.reset(comm);
  if (options.overlap) start_progress(seat);
  // Only now, so that threads of the library may run anywhere.
  if (options.bind != 0) bind_to_core(cores[static_cast<std::size_t>(rank) % cores.size()]);
  if (options.mapped) register_buffers(seat);
  return seat;
}

}  // namespace hfreduce::perf
