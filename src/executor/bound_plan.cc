#include "executor/bound_plan.h"

#include <algorithm>
#include <map>

#include "executor/peers.h"

namespace hfreduce::executor {
namespace {

using schedule::Op;
using schedule::PlaceKind;
using schedule::Range;

bool is_peers_buffer(const BoundPlace& place) {
  return place.kind == BoundPlace::Kind::kPeerInput || place.kind == BoundPlace::Kind::kPeerOutput;
}

class Binder {
 public:
  Binder(const Binding& binding, const schedule::Schedule& schedule, std::size_t channel)
      : binding_(binding), schedule_(schedule), channel_(binding.map->channel(channel)) {
    plan_.channel = channel;
    plan_.chunks = schedule.layout.chunks;
    plan_.segment_bytes = channel_.segment_bytes;
  }

  Result<BoundPlan> run() {
    HFR_TRY(populate());
    for (const schedule::Place& place : schedule_.places) plan_.places.push_back(bind_place(place));
    for (const schedule::Lane& lane : schedule_.lanes) {
      BoundLane bound;
      bound.skew = lane.skew;
      for (const schedule::Step& step : lane.steps) {
        HFR_ASSIGN(BoundStep bound_step, bind_step(step));
        bound.steps.push_back(bound_step);
      }
      plan_.lanes.push_back(std::move(bound));
    }
    plan_.seen = std::make_unique<std::int64_t[]>(plan_.wait_lines.size());
    lay_straight(&plan_);
    return std::move(plan_);
  }

 private:
  bool mapped(std::int32_t peer) const { return binding_.placement->mapped(binding_.rank, peer); }

  Status populate() const {
    for (const AreaPlace& area : channel_.areas) {
      HFR_TRY(binding_.windows->populate_own(area.begin, std::uint64_t{area.stride} * area.slots));
    }
    return binding_.windows->populate_own(0, binding_.map->slots_offset());
  }

  BoundPlace bind_place(const schedule::Place& place) {
    BoundPlace bound;
    bound.tick = place.tick;
    if (place.kind != PlaceKind::kSlot) {
      using Kind = BoundPlace::Kind;
      const bool input = place.kind == PlaceKind::kInput;
      if (place.owner == binding_.rank) {
        bound.kind = input ? Kind::kInput : Kind::kOutput;
      } else if (mapped(place.owner)) {
        bound.kind = input ? Kind::kPeerInput : Kind::kPeerOutput;
        bound.owner = binding_.placement->local_rank(place.owner);
      } else {
        bound.kind = Kind::kRemoteOutput;
      }
      return bound;
    }
    const AreaPlace& area = channel_.areas[place.area];
    bound.whole_segment = area.whole_segment;
    bound.ring = {area.slots, area.stride};
    bound.offset = area.offset;
    bound.kind = BoundPlace::Kind::kRemoteSlot;
    if (mapped(place.owner)) {
      bound.kind = BoundPlace::Kind::kMappedSlot;
      bound.base =
          binding_.windows->window(binding_.placement->local_rank(place.owner)) + area.offset;
    }
    return bound;
  }

  Result<BoundStep> bind_step(const schedule::Step& step) {
    BoundStep bound;
    bound.op = step.op;
    bound.skew = step.skew;
    bound.lag = step.lag;
    bound.every = step.every;
    bound.final = step.final;
    bound.staging = step.staging;
    bound.offers = step.offers;
    bound.flag = channel_.first_flag + step.flag;
    if (const AreaPlace* area = carrier(step.flag)) bound.ring = {area->slots, area->stride};
    bound.tick = step.tick;
    bound.chunks = step.chunks;
    bound.sources = step.sources;
    bound.destinations = step.destinations;
    bound.lands = lands(step);
    bound.body = step.body;
    bound.count = step.count;
    plan_.most_operands =
        std::max({plan_.most_operands, step.sources.count, step.destinations.count});
    if (step.op == Op::kClaim) {
      const std::int32_t first = schedule_.peers[step.peers.begin];
      bound.claims = {reinterpret_cast<transport::FlagLine*>(line_of(first, step.flag)),
                      reinterpret_cast<transport::FlagLine*>(line_of(binding_.rank, step.flag))};
      bound.signal = bind_signal(step);
    }
    if (step.op == Op::kWait || step.op == Op::kClaim) bound.waits = bind_waits(step);
    if (step.op == Op::kSignal || step.op == Op::kPut) bound.signal = bind_signal(step);
    if (step.op == Op::kPut || step.op == Op::kDrain) {
      const std::int32_t peer = schedule_.peers[step.peers.begin];
      bound.peer = mapped(peer) ? -1 : peer;
      if (bound.peer >= 0) {
        use_link(peer);
        bound.tickets = ticket_ring(bound.flag, peer);
      }
    }
    plan_.offers |= step.op == Op::kSignal && step.offers;
    plan_.copies_inputs &= only_copies(bound);
    HFR_TRY(check(bound));
    return bound;
  }

  bool lands(const schedule::Step& step) const {
    const auto* to = schedule_.places.data() + step.destinations.begin;
    return step.op == Op::kReduce &&
           std::all_of(to, to + step.destinations.count, [](const schedule::Place& place) {
             return place.kind == PlaceKind::kOutput;
           });
  }

  // Whether the step leaves peers' buffers alone, or copies from one into memory that is here.
  bool only_copies(const BoundStep& step) const {
    const auto of_peers = [&](const Range& range) { return any_place(range, is_peers_buffer); };
    if (!of_peers(step.sources) && !of_peers(step.destinations)) return true;
    return step.op == Op::kReduce && !step.staging && step.sources.count == 1 &&
           step.destinations.count == 1 && !of_peers(step.destinations);
  }

  template <typename Predicate>
  bool any_place(const Range& range, Predicate predicate) const {
    const auto begin = plan_.places.begin() + range.begin;
    return std::any_of(begin, begin + range.count, predicate);
  }

  // Only a put over a posted link may name memory that is not mapped here.
  Status check(const BoundStep& step) const {
    const auto remote = [&](const Range& range) {
      return any_place(range, [](const BoundPlace& place) {
        return place.kind >= BoundPlace::Kind::kRemoteSlot;
      });
    };
    const bool posted_put = step.op == Op::kPut && step.peer >= 0;
    if (remote(step.sources) || remote(step.destinations) != posted_put) {
      return Status(Code::kInternalError,
                    "a schedule reads or writes memory that is not mapped here");
    }
    return {};
  }

  Range bind_waits(const schedule::Step& step) {
    const Range range{static_cast<std::uint32_t>(plan_.wait_lines.size()), step.peers.count};
    for (std::uint32_t i = 0; i < step.peers.count; ++i) {
      const std::int32_t peer = schedule_.peers[step.peers.begin + i];
      if (mapped(peer)) {
        plan_.wait_lines.push_back(
            {line_of(peer, step.flag), peer, binding_.placement->local_rank(peer)});
      } else {
        const transport::FlagLine* line =
            binding_.peers->flag(peer, channel_.first_flag + step.flag);
        plan_.wait_lines.push_back({reinterpret_cast<const std::byte*>(line), peer, -1});
        use_link(peer);
      }
    }
    return range;
  }

  BoundSignal bind_signal(const schedule::Step& step) {
    BoundSignal signal;
    signal.doorbells.begin = static_cast<std::uint32_t>(plan_.doorbells.size());
    signal.posted.begin = static_cast<std::uint32_t>(plan_.posted.size());
    for (std::uint32_t i = 0; i < step.peers.count; ++i) {
      const std::int32_t peer = schedule_.peers[step.peers.begin + i];
      if (!mapped(peer)) {
        use_link(peer);
        plan_.posted.push_back(peer);
        continue;
      }
      signal.line = line_of(binding_.rank, step.flag);
      if (peer != binding_.rank) {
        plan_.doorbells.push_back(
            &binding_.windows->doorbell(binding_.placement->local_rank(peer)));
      }
    }
    signal.doorbells.count =
        static_cast<std::uint32_t>(plan_.doorbells.size()) - signal.doorbells.begin;
    signal.posted.count = static_cast<std::uint32_t>(plan_.posted.size()) - signal.posted.begin;
    return signal;
  }

  // The area whose slots carry this flag of the channel.
  const AreaPlace* carrier(std::uint16_t flag) const {
    for (std::size_t i = 0; i < channel_.areas.size(); ++i)
      if (schedule_.layout.areas[i].flag == flag) return &channel_.areas[i];
    return nullptr;
  }

  std::byte* line_of(std::int32_t rank, std::uint16_t flag) const {
    std::byte* window = binding_.windows->window(binding_.placement->local_rank(rank));
    const AreaPlace* area = carrier(flag);
    return window +
           (area != nullptr ? area->begin : binding_.map->flag_offset(channel_.first_flag + flag));
  }

  std::uint32_t ticket_ring(std::uint32_t flag, std::int32_t peer) {
    const auto next = static_cast<std::uint32_t>(rings_.size());
    const std::uint32_t ring = rings_.try_emplace({flag, peer}, next).first->second;
    plan_.ticket_rings = static_cast<std::uint32_t>(rings_.size());
    return ring;
  }

  void use_link(std::int32_t peer) {
    if (std::find(plan_.links.begin(), plan_.links.end(), peer) == plan_.links.end())
      plan_.links.push_back(peer);
    binding_.peers->flag(peer, 0);
  }

  const Binding& binding_;
  const schedule::Schedule& schedule_;
  const ChannelPlace& channel_;
  BoundPlan plan_;
  std::map<std::pair<std::uint32_t, std::int32_t>, std::uint32_t> rings_;
};

}  // namespace

Route make_route(const BoundPlan& plan, std::uint64_t elements, std::uint32_t element_bytes,
                 std::uint32_t segment_bytes) noexcept {
  Cut cut;
  cut.segment_bytes = std::min(segment_bytes, plan.segment_bytes);
  cut.segment_elements = std::max<std::uint64_t>(1, cut.segment_bytes / element_bytes);
  cut.segments =
      static_cast<std::uint32_t>((elements + cut.segment_elements - 1) / cut.segment_elements);
  const std::uint64_t last = elements - (cut.segments - 1) * cut.segment_elements;
  const auto chunks = static_cast<std::uint32_t>(plan.chunks);
  cut.full_quantum = chunk_elements(cut.segment_elements, chunks, element_bytes);
  cut.last_quantum = chunk_elements(last, chunks, element_bytes);
  const bool straight =
      cut.segments == 1 && !plan.straight.empty() && elements * element_bytes <= kStraightUpTo;
  return {&plan, cut, straight};
}

Result<BoundPlan> bind_plan(const Binding& binding, const schedule::Schedule& schedule,
                            std::size_t channel) {
  return Binder(binding, schedule, channel).run();
}

}  // namespace hfreduce::executor
