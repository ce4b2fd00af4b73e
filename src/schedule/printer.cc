#include "schedule/printer.h"

#include <fmt/format.h>

namespace hfreduce::schedule {
namespace {

// "2g+1+k": what is left out is 0 or 1 times something.
std::string tick_text(const Tick& tick, bool repeats) {
  std::string text = tick.rate == 1 ? "g" : fmt::format("{}g", tick.rate);
  if (tick.offset != 0) text += fmt::format("{:+}", tick.offset);
  if (repeats && tick.stride == 1) text += "+k";
  if (repeats && tick.stride > 1) text += fmt::format("+{}k", tick.stride);
  return text;
}

std::string chunks_text(const ChunkRange& range, bool repeats) {
  std::string first;
  if (range.stride == 0 || !repeats) {
    first = fmt::format("{}", range.first(0));
  } else {
    first = fmt::format("({}{}k mod {})", range.start,
                        range.stride == 1    ? "+"
                        : range.stride == -1 ? "-"
                                             : fmt::format("{:+}", range.stride),
                        range.modulus);
    if (range.base != 0) first = fmt::format("{}+{}", range.base, first);
  }
  if (range.count == 1) return "chunk " + first;
  return fmt::format("chunks {} and {} more", first, range.count - 1);
}

class Printer {
 public:
  Printer(const Schedule& schedule, bool repeats) : schedule_(schedule), repeats_(repeats) {}

  std::string step(const Step& step) const {
    switch (step.op) {
      case Op::kReduce:
        return fmt::format("{:<9}{}",
                           step.sources.count == 1 ? "copy"
                           : step.final            ? "complete"
                                                   : "reduce",
                           reduction(step));
      case Op::kClaim:
        return fmt::format("{:<9}{}, by {} of {}", "claim", reduction(step), flag(step),
                           peers(step));
      case Op::kPut:
        return fmt::format("{:<9}{}: {} -> {}, then {}", "put", chunks_text(step.chunks, repeats_),
                           places(step.sources, ""), places(step.destinations, ""), flag(step));
      case Op::kSignal:
        return fmt::format("{:<9}{} for {}{}", step.offers ? "offer" : "signal", flag(step),
                           peers(step),
                           step.every > 1 ? fmt::format(", every {} g", step.every) : "");
      case Op::kWait:
        return fmt::format("{:<9}{} from {}", step.offers ? "accept" : "wait", flag(step),
                           peers(step));
      case Op::kDrain:
        return fmt::format("{:<9}{} to {}", "drain", flag(step), peers(step));
      case Op::kRepeat:
        return fmt::format("{:<9}for k = 0 .. {}", "repeat",
                           static_cast<std::int64_t>(step.count) - 1);
    }
    return "?";
  }

 private:
  std::string reduction(const Step& step) const {
    return fmt::format("{}: {} -> {}", chunks_text(step.chunks, repeats_),
                       places(step.sources, " + "), places(step.destinations, ", "));
  }

  std::string flag(const Step& step) const {
    std::string text = fmt::format("flag {}@{}", step.flag, tick_text(step.tick, repeats_));
    if (step.lag > 0) text += fmt::format("-{}", step.lag);
    return text;
  }

  std::string places(const Range& range, const char* between) const {
    std::string text;
    for (std::uint32_t i = range.begin; i < range.begin + range.count; ++i) {
      if (i > range.begin) text += between;
      text += place(schedule_.places[i]);
    }
    return text;
  }

  std::string place(const Place& place) const {
    const std::string owner =
        place.owner == schedule_.rank ? "own" : fmt::format("rank {}'s", place.owner);
    if (place.kind == PlaceKind::kInput) return owner + " input";
    if (place.kind == PlaceKind::kOutput) return owner + " output";
    return fmt::format("{} area {}[{}]", owner, place.area, tick_text(place.tick, repeats_));
  }

  std::string peers(const Step& step) const {
    std::string text;
    for (std::uint32_t i = step.peers.begin; i < step.peers.begin + step.peers.count; ++i) {
      if (i > step.peers.begin) text += ", ";
      const std::int32_t peer = schedule_.peers[i];
      text += peer == schedule_.rank ? "itself" : fmt::format("{}", peer);
    }
    return text;
  }

  const Schedule& schedule_;
  bool repeats_;
};

std::string lane_text(const Schedule& schedule, const Lane& lane) {
  std::string text = fmt::format("  lane \"{}\"\n", lane.name);
  std::uint32_t body = 0;  // steps left of a repeat
  for (std::size_t at = 0; at < lane.steps.size(); ++at) {
    const Step& step = lane.steps[at];
    const std::string behind = step.skew == 0 ? "" : fmt::format("-{}", step.skew);
    text += fmt::format("  {:>4} {:<3} {}{}\n", at, behind, body > 0 ? "  " : "",
                        Printer(schedule, body > 0).step(step));
    if (body > 0) --body;
    if (step.op == Op::kRepeat) body = step.body;
  }
  return text;
}

}  // namespace

std::string to_text(const Schedule& schedule, const Step& step) {
  return Printer(schedule, true).step(step);
}

std::string to_text(const Schedule& schedule) {
  const Layout& layout = schedule.layout;
  std::string text =
      fmt::format("rank {}: chunks of a segment {}, flags {}, roundings at most {}\n",
                  schedule.rank, layout.chunks, layout.flags, layout.hops);
  for (std::size_t area = 0; area < layout.areas.size(); ++area) {
    const Area& ring = layout.areas[area];
    text += fmt::format("  area {}: slots {}, each {}{}\n", area, ring.slots,
                        ring.unit == Area::Unit::kSegment ? "a segment"
                        : ring.chunks == 1                ? "a chunk"
                                                          : fmt::format("{} chunks", ring.chunks),
                        ring.flag >= 0 ? fmt::format(", behind flag {}", ring.flag) : "");
  }
  for (const Lane& lane : schedule.lanes) text += lane_text(schedule, lane);
  if (schedule.lanes.empty()) text += "  nothing to do\n";
  return text;
}

}  // namespace hfreduce::schedule
