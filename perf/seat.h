// One rank of a measurement: its communicator, its neighbours and its buffers.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "arena.h"
#include "floor.h"
#include "gang.h"
#include "library.h"
#include "options.h"

namespace hfreduce::perf {

struct Seat {
  Comm comm;
  int rank = 0;
  int ranks = 1;
  bool launched = false;  // by others than this program
  int host = 0;           // hosts are numbered by their lowest rank
  int hosts = 1;
  Shape shape;
  int machine_cores = 1;             // that they may run on, all together
  int machine_ranks = 1;             // on this machine, which may be several hosts to us
  std::vector<int> cores;            // of this host, before this rank was bound to one
  std::unique_ptr<Arena> own_arena;  // where this rank, not a launcher, has seen to it
  std::unique_ptr<Team> team;        // none: the ranks of this host share no memory
  std::unique_ptr<Remote> remote;
  std::vector<std::byte> own_memory;  // of the buffers, where there is no team
  std::size_t offset = 0;             // at which they begin

  Gang& gang() const { return remote ? static_cast<Gang&>(*remote) : *team; }
  bool leads_host() const { return team ? team->index() == 0 : true; }
  // 0: what is sent (and, in place, received), 1: what is received.
  std::span<std::byte> buffer(int which);
};

// The cores that this process may run on.
std::vector<int> allowed_cores();
// Tells the library that peers can map this rank's buffers. Throws where the ranks share no memory.
void register_buffers(Seat& seat);
// Binds the calling thread. Best effort: a measurement without it is only less steady.
void bind_to_core(int core) noexcept;

// Joins as `rank` of those who share `arena`; member 0 hands out the id.
Seat join_local(const Arena& arena, int rank, const Options& options);
// Joins as whatever the launcher says, and finds out who else is on this host. `buffer_bytes`: the
// most that a call will need.
Seat join_launched(const Options& options, std::uint64_t buffer_bytes);

}  // namespace hfreduce::perf
