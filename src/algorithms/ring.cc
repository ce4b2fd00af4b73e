// Flat ring allreduce over any mix of links: two rings of the same direction, each over half of the
// chunks, so that one sends while the other reduces.
#include <algorithm>
#include <array>

#include "algorithms/emitters.h"
#include "algorithms/line.h"
#include "algorithms/ring_pass.h"

namespace hfreduce::algorithms {
namespace {

using namespace schedule;

struct Channel {
  Layout layout;
  std::array<RingIds, 2> rings;
};

Channel channel(const Placement& placement) {
  Channel channel;
  channel.layout.chunks = 2 * placement.ranks();
  channel.layout.hops = static_cast<std::uint8_t>(std::min(255, placement.ranks() - 1));
  for (RingIds& ring : channel.rings) ring = reserve_ring(&channel.layout);
  return channel;
}

}  // namespace

Layout ring_layout(const Request& request) { return channel(*request.placement).layout; }

Schedule emit_ring(const Request& request, std::int32_t rank) {
  const FlatLine line(*request.placement);
  const Channel own = channel(*request.placement);
  Builder schedule(rank, own.layout);
  if (line.size() == 1) return schedule.finish();
  RingPart part;
  part.size = line.size();
  part.index = line.index_of(rank);
  part.next = line.rank_at((part.index + 1) % part.size);
  part.previous = line.rank_at((part.index + part.size - 1) % part.size);
  part.ground.placement = request.placement;
  for (std::int32_t i = 0; i < 2; ++i) {
    part.name = "ring " + std::to_string(i);
    part.first_chunk = i * part.size;
    part.ids = own.rings[static_cast<std::size_t>(i)];
    emit_ring_part(&schedule, part);
  }
  return schedule.finish();
}

}  // namespace hfreduce::algorithms
