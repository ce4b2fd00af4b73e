// Joining under a launcher: who is on this host, and memory to share with them.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bitset>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <string>

#include "failure.h"
#include "seat.h"

namespace hfreduce::perf {
namespace {

// FNV-1a: the same on all hosts, whatever their C++ library.
std::uint64_t hash_of(const std::string& text) {
  std::uint64_t hash = 14695981039346656037u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return hash;
}

std::string boot_id() {
  std::string boot;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> boot;
  return boot;
}

// Equal for processes that one kernel runs in one network namespace.
std::uint64_t host_key() {
  if (const char* given = std::getenv("HFREDUCE_HOSTID"); given != nullptr && *given != '\0') {
    return hash_of(given);
  }
  struct stat about = {};
  stat("/proc/self/ns/net", &about);
  return hash_of(fmt::format("{} {}", boot_id(), about.st_ino));
}

// Cores by their numbers, as far as they fit into a card.
using CoreSet = std::bitset<1024>;

struct Card {
  std::uint64_t host = 0;
  std::uint64_t machine = 0;  // equal for processes that one kernel runs
  std::uint64_t nonce[2] = {};
  CoreSet cores;  // that this rank may run on
  std::int64_t pid = 0;
  std::int64_t fd = -1;
};

std::vector<Card> swap_cards(Gang& gang, const Card& mine) {
  const std::vector<std::byte> all = gang.gather(std::as_bytes(std::span(&mine, 1)));
  std::vector<Card> cards(all.size() / sizeof(Card));
  std::memcpy(cards.data(), all.data(), all.size());
  return cards;
}

// Who is where. Returns the ranks of this host.
std::vector<int> place_ranks(Seat& seat, const std::vector<Card>& cards) {
  std::vector<std::uint64_t> hosts;
  std::map<std::uint64_t, int> population;
  std::map<std::uint64_t, CoreSet> cores;
  CoreSet machine_cores;
  const Card& own = cards[static_cast<std::size_t>(seat.rank)];
  std::vector<int> here;
  int machine_ranks = 0;
  for (std::size_t r = 0; r < cards.size(); ++r) {
    const std::uint64_t key = cards[r].host;
    if (++population[key] == 1) hosts.push_back(key);
    cores[key] |= cards[r].cores;
    if (cards[r].machine == own.machine) {
      ++machine_ranks;
      machine_cores |= cards[r].cores;
    }
    if (key == own.host) here.push_back(static_cast<int>(r));
  }
  seat.machine_ranks = machine_ranks;
  seat.hosts = static_cast<int>(hosts.size());
  seat.machine_cores = std::max(1, static_cast<int>(machine_cores.count()));
  seat.host = static_cast<int>(std::find(hosts.begin(), hosts.end(), own.host) - hosts.begin());
  int most = 1, fewest = static_cast<int>(CoreSet().size());
  for (const auto& [key, count] : population) most = std::max(most, count);
  // A launcher may have bound each rank to cores of its own.
  for (const auto& [key, set] : cores) fewest = std::min(fewest, static_cast<int>(set.count()));
  seat.shape = {seat.ranks, seat.hosts, most, std::max(1, fewest)};
  return here;
}

// The lowest rank of each host makes the memory; the others open its descriptor through /proc,
// which needs no name that could be left behind. Whether it worked here.
bool share_memory(Seat& seat, Card card, const std::vector<int>& here, std::uint64_t buffer_bytes) {
  const bool first = here.front() == seat.rank;
  if (first) {
    try {
      check_memory(static_cast<int>(here.size()), buffer_bytes);
      seat.own_arena =
          std::make_unique<Arena>(Arena::create(static_cast<int>(here.size()), buffer_bytes));
      card.pid = getpid();
      card.fd = seat.own_arena->fd();
      std::memcpy(card.nonce, seat.own_arena->header().nonce, sizeof(card.nonce));
    } catch (const Failure& failure) {
      complain(failure.what());
    }
  }
  const std::vector<Card> cards = swap_cards(*seat.remote, card);
  const Card& maker = cards[static_cast<std::size_t>(here.front())];
  if (first || maker.fd < 0) return seat.own_arena != nullptr;
  const int fd =
      open(fmt::format("/proc/{}/fd/{}", maker.pid, maker.fd).c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return false;
  try {
    seat.own_arena = std::make_unique<Arena>(Arena::attach(fd, maker.nonce));
  } catch (const Failure&) {
    close(fd);  // another process by that number: containers that number processes on their own
  }
  return seat.own_arena != nullptr;
}

}  // namespace

Seat join_launched(const Options& options, std::uint64_t buffer_bytes) {
  Seat seat;
  hfreduceConfig_t config = HFREDUCE_CONFIG_INITIALIZER;
  config.device = HFREDUCE_DEVICE_HOST;
  config.name = "hfreduce-perf";
  hfreduceComm_t comm = nullptr;
  must(hfreduceCommInitFromEnv(&comm, &config), nullptr, "joining under the launcher");
  seat.comm.reset(comm);
  seat.launched = true;
  seat.offset = options.offset;
  seat.cores = allowed_cores();
  must(hfreduceCommUserRank(comm, &seat.rank), comm, "asking for the rank");
  must(hfreduceCommCount(comm, &seat.ranks), comm, "asking for the number of ranks");
  if (options.root >= seat.ranks) {
    throw Failure(fmt::format("-r {}: there are ranks 0 to {}", options.root, seat.ranks - 1),
                  kExitBadUsage);
  }
  seat.remote = std::make_unique<Remote>(comm, seat.rank, seat.ranks);
  Card card;
  card.host = host_key();
  card.machine = hash_of(boot_id());
  for (const int core : seat.cores) {
    if (static_cast<std::size_t>(core) < card.cores.size())
      card.cores.set(static_cast<std::size_t>(core));
  }
  const std::vector<int> here = place_ranks(seat, swap_cards(*seat.remote, card));
  double failed = share_memory(seat, card, here, buffer_bytes) ? 0 : 1;
  seat.remote->maximum(std::span(&failed, 1));
  if (failed != 0) {
    seat.own_memory.resize(2 * buffer_bytes);
    if (options.mapped) register_buffers(seat);
    return seat;
  }
  const auto me = std::find(here.begin(), here.end(), seat.rank) - here.begin();
  const bool outnumbered = static_cast<int>(here.size()) > seat.shape.cores;
  seat.team = std::make_unique<Team>(*seat.own_arena, static_cast<int>(me), outnumbered);
  if (seat.hosts == 1) seat.remote.reset();
  if (options.mapped) register_buffers(seat);
  return seat;
}

}  // namespace hfreduce::perf
