#include "floor.h"

namespace hfreduce::perf {
namespace {

int rounds_of(int hosts) {
  int rounds = 0;
  while ((1 << rounds) < hosts) ++rounds;
  return rounds;
}

}  // namespace

Floor floor_of(const Shape& shape, const Measured& measured) {
  const int per_core = (shape.local + shape.cores - 1) / shape.cores;
  const double hand_over = shape.local > 1 ? measured.hand_over : 0;
  const double turns = (per_core - 1) * measured.turn;
  const double local = measured.copy + hand_over + turns;
  const int rounds = rounds_of(shape.hosts);
  const double network =
      shape.hosts > 1 ? measured.sockets + (rounds - 1) * measured.small_message : 0;
  if (network > local) return {network, "plain sockets"};
  if (local <= 0) return {0, "-"};
  if (measured.copy >= hand_over && measured.copy >= turns) return {local, "memory copy"};
  return {local, turns > hand_over ? "scheduler turn" : "cache-line hand-over"};
}

std::uint64_t wire_bytes(Collective collective, int hosts, std::uint64_t bytes) {
  if (collective == Collective::kBroadcast) return bytes;
  const auto h = static_cast<std::uint64_t>(hosts);
  return 2 * (h - 1) * bytes / h;
}

}  // namespace hfreduce::perf
