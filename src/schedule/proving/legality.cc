#include "schedule/proving/legality.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace hfreduce::schedule::proving {
namespace {

bool fits(const Range& range, std::size_t size) {
  return std::size_t{range.begin} + range.count <= size;
}

// Checks the steps of one schedule; each function returns what is wrong, or nothing.
class Inspector {
 public:
  Inspector(const Schedule& schedule, const Placement& placement)
      : schedule_(schedule), placement_(placement) {}

  std::string lane(const Lane& lane) {
    lane_ = &lane;
    for (std::size_t at = 0; at < lane.steps.size(); ++at) {
      const Step& step = lane.steps[at];
      std::string wrong = step.skew > lane.skew ? "a skew beyond its lane's" : check(step);
      if (wrong.empty() && step.op == Op::kRepeat) wrong = repeat(at);
      if (!wrong.empty())
        return fmt::format("rank {}, lane \"{}\", step {}: {}", schedule_.rank, lane.name, at,
                           wrong);
    }
    return {};
  }

 private:
  std::string check(const Step& step) const {
    if (!fits(step.sources, schedule_.places.size()) ||
        !fits(step.destinations, schedule_.places.size()) ||
        !fits(step.peers, schedule_.peers.size()))
      return "places or peers that are not there";
    if (step.every == 0 || (step.every > 1 && step.op != Op::kSignal))
      return "something other than a signal that is not done in every iteration";
    if (step.op == Op::kRepeat) return {};
    if (step.op == Op::kReduce) return reduce(step);
    if (step.flag >= schedule_.layout.flags) return "no such flag";
    if (step.peers.count == 0) return "nobody is named";
    for (std::uint32_t i = 0; i < step.peers.count; ++i) {
      const std::int32_t peer = schedule_.peers[step.peers.begin + i];
      if (peer < 0 || peer >= placement_.ranks()) return "no such peer";
    }
    if (auto wrong = carried(step); !wrong.empty()) return wrong;
    if (auto wrong = counted(step); !wrong.empty()) return wrong;
    if (step.op == Op::kClaim) return claim(step);
    if (step.op == Op::kPut) return put(step);
    if (step.op == Op::kDrain && !is_put_here(step)) return "drains what its lane never puts";
    return {};
  }

  std::string repeat(std::size_t at) const {
    const auto& steps = lane_->steps;
    if (steps[at].body == 0 || at + steps[at].body >= steps.size()) return "no such body";
    for (std::size_t i = at + 1; i <= at + steps[at].body; ++i) {
      if (steps[i].op == Op::kRepeat) return "a repeat within a repeat";
      if (steps[i].skew != steps[at].skew) return "a repeat whose body has another skew";
    }
    return {};
  }

  // What a flag at the heads of slots cannot do; see Area::flag.
  std::string carried(const Step& step) const {
    const auto& areas = schedule_.layout.areas;
    if (std::none_of(areas.begin(), areas.end(),
                     [&](const Area& area) { return area.flag == step.flag; }))
      return {};
    if (step.op != Op::kSignal && step.op != Op::kWait) return "a put of a flag that slots carry";
    if (step.offers) return "an offer in a flag that slots carry";
    if (step.lag != 0 || step.every > 1) return "credit by a flag that slots carry";
    for (std::uint32_t i = 0; i < step.peers.count; ++i)
      if (!placement_.mapped(schedule_.rank, schedule_.peers[step.peers.begin + i]))
        return "a peer that sees no slots";
    return {};
  }

  // A flag that counts the claims of one step does nothing else.
  std::string counted(const Step& step) const {
    for (const Lane& lane : schedule_.lanes)
      for (const Step& other : lane.steps)
        if (other.op == Op::kClaim && &other != &step && other.flag == step.flag)
          return "a flag that counts claims, used for something else";
    return {};
  }

  // Whoever comes does it, so all must be able to.
  std::string claim(const Step& step) const {
    if (!(step.tick == Tick{})) return "claims at another tick than the iteration";
    if (step.lag != 0 || step.offers || step.staging) return "a claim that is something else, too";
    if (step.chunks.stride != 0 || step.chunks.count > kMostClaimed)
      return "chunks that a claim cannot count";
    bool claims = false;
    for (std::uint32_t i = 0; i < step.peers.count; ++i) {
      const std::int32_t peer = schedule_.peers[step.peers.begin + i];
      if (!placement_.mapped(schedule_.rank, peer)) return "a claim among ranks of several hosts";
      claims |= peer == schedule_.rank;
    }
    if (!claims) return "claims what is for others to claim";
    const auto split = [&](const Range& range) {
      for (std::uint32_t i = range.begin; i < range.begin + range.count; ++i) {
        const Place& place = schedule_.places[i];
        if (place.kind == PlaceKind::kSlot && place.area < schedule_.layout.areas.size() &&
            schedule_.layout.areas[place.area].unit != Area::Unit::kSegment)
          return true;
      }
      return false;
    };
    if (split(step.sources) || split(step.destinations))
      return "claims chunks of a slot that holds no segment";
    return reduce(step);
  }

  std::string reduce(const Step& step) const {
    if (step.sources.count == 0 || step.destinations.count == 0) return "no source or destination";
    for (std::uint32_t i = 0; i < step.sources.count; ++i)
      if (auto wrong = place(step, step.sources.begin + i, true); !wrong.empty()) return wrong;
    for (std::uint32_t i = 0; i < step.destinations.count; ++i)
      if (auto wrong = place(step, step.destinations.begin + i, false); !wrong.empty())
        return wrong;
    return {};
  }

  std::string put(const Step& step) const {
    if (step.sources.count != 1 || step.destinations.count != 1 || step.peers.count != 1)
      return "a put has one source, one destination, one peer";
    const std::int32_t peer = schedule_.peers[step.peers.begin];
    const Place& to = schedule_.places[step.destinations.begin];
    if (to.owner != peer || peer == schedule_.rank) return "a put's destination is not its peer's";
    const bool posted = !placement_.mapped(schedule_.rank, peer);
    if (to.kind == PlaceKind::kInput || (to.kind == PlaceKind::kOutput && !posted))
      return "a put into a buffer that its link cannot reach";
    if (auto wrong = place(step, step.sources.begin, true); !wrong.empty()) return wrong;
    return chunks(step, to);
  }

  // A place that this rank's own instructions read or write.
  std::string place(const Step& step, std::uint32_t index, bool is_source) const {
    const Place& place = schedule_.places[index];
    if (place.owner < 0 || place.owner >= placement_.ranks()) return "a place of no rank";
    if (place.kind == PlaceKind::kSlot) {
      if (!placement_.mapped(schedule_.rank, place.owner)) return "a slot that is not mapped";
    } else if (place.owner != schedule_.rank && !was_offered(step, place.owner)) {
      return "a user buffer of another rank";
    }
    if (place.kind == PlaceKind::kInput && !is_source) return "writes an input";
    return chunks(step, place);
  }

  // Whether an earlier wait of this lane has learnt where the buffers of `owner` are.
  bool was_offered(const Step& user, std::int32_t owner) const {
    for (const Step& step : lane_->steps) {
      if (&step == &user) break;
      if (step.op != Op::kWait || !step.offers || step.skew > user.skew) continue;
      for (std::uint32_t i = 0; i < step.peers.count; ++i)
        if (schedule_.peers[step.peers.begin + i] == owner)
          return placement_.mapped(schedule_.rank, owner);
    }
    return false;
  }

  std::string chunks(const Step& step, const Place& place) const {
    const ChunkRange& range = step.chunks;
    const std::int32_t all = schedule_.layout.chunks;
    if (range.modulus < 1 || range.base < 0 || range.count < 1 ||
        range.base + (range.stride == 0 ? range.first(0) - range.base : range.modulus - 1) +
                range.count >
            all)
      return "chunks that there are not";
    if (place.kind != PlaceKind::kSlot) return {};
    if (place.area >= schedule_.layout.areas.size()) return "no such area";
    const Area& area = schedule_.layout.areas[place.area];
    if (area.unit == Area::Unit::kChunk && range.count > area.chunks)
      return "more chunks than a slot holds";
    return {};
  }

  bool is_put_here(const Step& drain) const {
    return std::any_of(lane_->steps.begin(), lane_->steps.end(), [&](const Step& step) {
      return step.op == Op::kPut && step.flag == drain.flag &&
             schedule_.peers[step.peers.begin] == schedule_.peers[drain.peers.begin];
    });
  }

  const Schedule& schedule_;
  const Placement& placement_;
  const Lane* lane_ = nullptr;
};

}  // namespace

std::string illegal(const Schedule& schedule, const Placement& placement) {
  for (const Area& area : schedule.layout.areas) {
    if (area.slots < 1 || area.chunks < 1) return "an area without slots";
    if (area.flag >= schedule.layout.flags) return "slots that carry no flag of the layout";
  }
  Inspector inspector(schedule, placement);
  for (const Lane& lane : schedule.lanes)
    if (auto wrong = inspector.lane(lane); !wrong.empty()) return wrong;
  return {};
}

std::string lopsided(const std::vector<Schedule>& schedules, const Placement& placement) {
  std::vector<std::pair<std::int32_t, std::int32_t>> uses;
  for (const Schedule& schedule : schedules)
    for (const std::int32_t peer : schedule.peers)
      if (!placement.mapped(schedule.rank, peer)) uses.emplace_back(schedule.rank, peer);
  std::sort(uses.begin(), uses.end());
  for (const auto& [rank, peer] : uses)
    if (!std::binary_search(uses.begin(), uses.end(), std::pair(peer, rank)))
      return fmt::format("rank {} uses its link to rank {}, which does not use it", rank, peer);
  return {};
}

}  // namespace hfreduce::schedule::proving
