// The verifier catches every small mistake in every algorithm, except those that are none: each
// rule of why_harmless() says why.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "algorithms/proof.h"
#include "mutants.h"

namespace hfreduce {
namespace {

using namespace schedule;
using algorithms::Algorithm;
using algorithms::Collective;
using algorithms::Setting;
using testing::Mistake;
using testing::Mutant;

bool quick() { return std::getenv("HFR_TEST_QUICK") != nullptr; }

bool blocks(const Step& step) { return step.op == Op::kWait || step.op == Op::kDrain; }

// Nothing but waiting comes after this step in its lane.
bool ends_lane(const Lane& lane, std::size_t at) {
  return std::all_of(lane.steps.begin() + static_cast<std::ptrdiff_t>(at) + 1, lane.steps.end(),
                     blocks);
}

bool same_place(const Place& a, const Place& b) {
  return a.kind == b.kind && a.area == b.area && a.owner == b.owner && a.tick == b.tick;
}

// A signal that comes later, a wait for more: the only harm can be that somebody waits for ever,
// and a run to the end shows that nobody does.
bool only_delays(const Mutant& mutant, const Lane& lane) {
  const Step& step = lane.steps[mutant.step];
  const bool signals = step.op == Op::kSignal;
  switch (mutant.mistake) {
    case Mistake::kDrop:
    case Mistake::kTickBefore:
      return signals;  // the flag's next raise tells this one's news as well
    case Mistake::kLaterTurn:
      return signals || step.op == Op::kPut || ends_lane(lane, mutant.step);
    case Mistake::kEarlierTurn:
    case Mistake::kNextTick:
    case Mistake::kLessLag:
      return blocks(step);
    case Mistake::kSwap:
      return signals || blocks(lane.steps[mutant.step + 1]);
    default:
      return false;
  }
}

// Done a turn later, it is still done before the lane tells of it, which it does a turn later as
// well.
bool told_later_anyway(const Mutant& mutant, const Lane& lane) {
  const auto& steps = lane.steps;
  const auto tells = std::find_if(steps.begin() + static_cast<std::ptrdiff_t>(mutant.step),
                                  steps.end(), [](const Step& s) { return s.op == Op::kSignal; });
  return mutant.mistake == Mistake::kLaterTurn && tells != steps.end() &&
         tells->skew > steps[mutant.step].skew;
}

// Whether a rank ever raises this flag for this event of an iteration, so that `seer` sees it.
// Repeats: perhaps.
bool raises(const Schedule& schedule, const Placement& placement, std::int32_t seer,
            const Step& event, std::int32_t offset) {
  const auto seen = [&](const Step& step) {  // mapped peers all look at one line
    const auto first = schedule.peers.begin() + step.peers.begin;
    return std::any_of(first, first + step.peers.count, [&](std::int32_t peer) {
      return peer == seer ||
             (placement.mapped(schedule.rank, seer) && placement.mapped(schedule.rank, peer));
    });
  };
  const auto rate = static_cast<std::int32_t>(event.tick.rate);
  for (const Lane& lane : schedule.lanes) {
    for (const Step& step : lane.steps) {
      if (step.op == Op::kRepeat) return true;
      if ((step.op == Op::kPut || step.op == Op::kSignal) && step.flag == event.flag &&
          (step.tick.offset - offset) % rate == 0 && seen(step))
        return true;
    }
  }
  return false;
}

// An event that the flag's owner passes over is reached when the next one is.
bool means_the_next_event(const Algorithm& algorithm, const Setting& setting,
                          const Schedule& original, const Mutant& mutant, const Step& step) {
  const Placement& placement = setting.placement;
  const algorithms::Request request{&placement, 0, setting.leaders};
  if (step.op == Op::kPut && mutant.mistake == Mistake::kNextTick)
    return !raises(original, placement, original.peers[step.peers.begin], step,
                   step.tick.offset + 1);
  if (step.op != Op::kWait ||
      (mutant.mistake != Mistake::kTickBefore && mutant.mistake != Mistake::kMoreLag))
    return false;
  for (std::uint32_t i = 0; i < step.peers.count; ++i) {
    const std::int32_t owner = original.peers[step.peers.begin + i];
    if (raises(algorithm.emit(request, owner), placement, original.rank, step,
               step.tick.offset - step.lag - 1))
      return false;
  }
  return true;
}

std::string why_harmless_in_binomial(const Setting& setting, const Mutant& mutant,
                                     const Lane& lane) {
  const Schedule& schedule = mutant.schedule;
  const Step& step = lane.steps[mutant.step];
  const auto first_peer = [&](const Step& of) { return schedule.peers[of.peers.begin]; };
  const auto source = [&](const Step& of) { return schedule.places[of.sources.begin]; };
  if (mutant.mistake == Mistake::kSwap && step.op == Op::kPut &&
      lane.steps[mutant.step + 1].op == Op::kSignal && source(step).kind == PlaceKind::kInput)
    return "what is told is that slots have been read";
  const auto sends = [&](const Step& other) {
    return other.op == Op::kPut && first_peer(other) == first_peer(step);
  };
  if (step.op == Op::kWait && step.lag != 0 &&
      !setting.placement.mapped(schedule.rank, first_peer(step)) &&
      std::none_of(lane.steps.begin(), lane.steps.end(), sends))
    return "credit of a host to which nothing is sent in this call";
  const std::int32_t host = setting.placement.host_of(schedule.rank);
  if (step.every > 1 && setting.placement.members(host).size() == 2 &&
      lane.steps[mutant.step - 1].op != Op::kWait &&
      (mutant.mistake == Mistake::kNextTick || mutant.mistake == Mistake::kEarlierTurn))
    return "the only mate is the root: it is not as far behind as mates may be";
  if (step.op == Op::kReduce && source(step).kind == PlaceKind::kSlot &&
      source(step).owner == schedule.rank &&
      (mutant.mistake == Mistake::kSwap || mutant.mistake == Mistake::kLaterTurn))
    return "a leader fills no own slot but gives credit, which leaves mates, and it, some more "
           "turns";
  return {};
}

std::string why_harmless_in_groups(const Mutant& mutant, const Lane& lane) {
  const Step& step = lane.steps[mutant.step];
  const bool credit = mutant.mistake == Mistake::kPeerLess && step.lag > 0;
  const bool later =
      step.op == Op::kReduce &&
      (mutant.mistake == Mistake::kLaterTurn ||
       (mutant.mistake == Mistake::kSwap && lane.steps[mutant.step + 1].op == Op::kSignal));
  if (credit || later)
    return "a credit: ranks of a group fetch shares from each other, so one that goes on tells "
           "that all have gone on";
  return {};
}

// Why a mutant that was not caught is right all the same; empty: it is not, or nobody knows.
std::string why_harmless(const Algorithm& algorithm, const Setting& setting, const Mutant& mutant,
                         const Lane& lane) {
  if (only_delays(mutant, lane)) return "it only delays";
  if (told_later_anyway(mutant, lane)) return "what it tells of is told a turn later as well";
  const Step& step = lane.steps[mutant.step];
  const auto in_only_slot = [&](const Range& range) {
    const auto first = mutant.schedule.places.begin() + range.begin;
    return std::any_of(first, first + range.count, [&](const Place& place) {
      return place.kind == PlaceKind::kSlot && mutant.schedule.layout.areas[place.area].slots == 1;
    });
  };
  if (mutant.mistake == Mistake::kNextSlot &&
      (in_only_slot(step.sources) || in_only_slot(step.destinations)))
    return "the next slot of one is the same";
  if (mutant.mistake == Mistake::kSwap && lane.steps[mutant.step + 1].op == step.op)
    return "two of a kind that touch different data";
  const auto source = [&](const Step& of) { return mutant.schedule.places[of.sources.begin]; };
  if (mutant.mistake == Mistake::kSwap && step.op == Op::kPut) {
    const Step& next = lane.steps[mutant.step + 1];
    if (next.op == Op::kReduce && same_place(source(step), source(next)))
      return "two that read the same, and write different places";
  }
  if (mutant.mistake == Mistake::kSourcesSwapped && algorithm.name != "one-shot" &&
      algorithm.name != "alternating")
    return "one rank combines a chunk for all, so all still have the same bits";
  const std::int32_t members = algorithm.name == "ring"                ? setting.placement.ranks()
                               : algorithm.name == "hierarchical-ring" ? setting.placement.hosts()
                                                                       : 0;
  if (members > 0 && members <= 4 && lane.name.starts_with("ring") && step.flag % 2 == 1 &&
      (step.op == Op::kWait || step.op == Op::kSignal))
    return "in so small a ring the data that go round imply the credits";
  if (members > 0 && members <= 2 && mutant.mistake == Mistake::kSwap && step.op == Op::kReduce)
    return "a credit, as above";
  if (algorithm.collective == Collective::kBroadcast && mutant.mistake == Mistake::kPeerLess &&
      step.op == Op::kSignal)
    return "all ranks name themselves, only a leader waits for itself";
  if (algorithm.name == "binomial") return why_harmless_in_binomial(setting, mutant, lane);
  if (algorithm.name == "grouped" && algorithm.collective == Collective::kBroadcast)
    return why_harmless_in_groups(mutant, lane);
  return {};
}

// Long calls and short ones, each with the mutated root and with others.
std::vector<Call> calls_of(const Subject& subject, std::int32_t root, bool in_place) {
  const std::int32_t ranks = subject.placement->ranks();
  std::vector<Call> calls;
  std::int32_t turn = 0;
  std::int32_t slots = 4;
  for (const Area& area : subject.schedule(0, root).layout.areas)
    slots = std::max(slots, area.slots);
  for (const std::int32_t length : {1, slots, 2, slots + 1, 1, 2 * slots + 1, 2}) {
    const bool same = subject.reduces || turn % 3 != 2;
    calls.push_back({length, same ? root : (root + 1 + turn / 2) % ranks, in_place});
    ++turn;
  }
  // So long that every slot is filled under one root and then under another.
  for (std::int32_t other = 0; other < ranks && !subject.reduces; ++other)
    for (const std::int32_t one : {other, root}) calls.push_back({slots + 1, one, in_place});
  return calls;
}

// One call of the mutated root between long ones of each other root, so that it stands at every
// place between two credits that come seldom.
bool caught_between_credits(const Subject& subject, std::int32_t root) {
  constexpr std::int32_t kMostSeldom = 8;
  const std::int32_t slots = subject.schedule(0, root).layout.areas.front().slots;
  std::vector<Call> calls;
  for (std::int32_t place = 0; place < kMostSeldom; ++place) {
    for (std::int32_t other = 0; other < subject.placement->ranks(); ++other) {
      calls.push_back({slots + 1, other, true});
      calls.push_back({1, root, true});
    }
    calls.push_back({1, root, true});
  }
  return !verify(subject, calls).ok();
}

bool caught(const Subject& subject, std::int32_t root) {
  return !verify(subject, calls_of(subject, root, true)).ok() ||
         !verify(subject, calls_of(subject, root, false)).ok();
}

// Of those that are tried with fewer slots.
std::int32_t most_ranks(const Algorithm& algorithm) {
  const auto settings = algorithms::settings(8);
  return std::any_of(settings.begin(), settings.end(),
                     [&](const Setting& setting) { return concerns(setting, algorithm); })
             ? 8
             : 2;
}

struct Tally {
  std::int32_t mutants = 0, caught = 0, harmless = 0;
};

void try_rank(const Algorithm& algorithm, const Setting& setting, std::int32_t rank,
              std::int32_t root, Tally* tally) {
  algorithms::Request request{&setting.placement, root, setting.leaders};
  const Schedule original = algorithm.emit(request, rank);
  for (const Mutant& mutant : testing::Mutator(original).all()) {
    Subject subject;
    subject.placement = &setting.placement;
    subject.reduces = algorithm.collective == Collective::kAllReduce;
    subject.schedule = [&](std::int32_t who, std::int32_t whose_root) {
      if (who == rank && whose_root == root) return mutant.schedule;
      request.root = whose_root;
      return algorithm.emit(request, who);
    };
    ++tally->mutants;
    if (caught(subject, root)) {
      ++tally->caught;
      continue;
    }
    const Lane& lane = original.lanes[mutant.lane];
    if (!why_harmless(algorithm, setting, mutant, lane).empty() ||
        means_the_next_event(algorithm, setting, original, mutant, lane.steps[mutant.step])) {
      ++tally->harmless;
      continue;
    }
    if (algorithm.name == "binomial" && caught_between_credits(subject, root)) {
      ++tally->caught;
      continue;
    }
    ADD_FAILURE() << algorithm.name << ", " << setting.placement.ranks() << " ranks, "
                  << setting.name << ", rank " << rank << ", root " << root << ", lane \""
                  << lane.name << "\", step " << mutant.step << ": mistake "
                  << static_cast<int>(mutant.mistake) << " was not caught in\n"
                  << to_text(original, lane.steps[mutant.step]);
  }
}

class Mutants : public ::testing::TestWithParam<std::size_t> {};

TEST_P(Mutants, AreCaughtOrHarmless) {
  const Algorithm& algorithm = algorithms::all()[GetParam()];
  Tally tally;
  const bool of_two = most_ranks(algorithm) == 2;
  const std::vector<std::int32_t> sizes =
      quick() ? std::vector<std::int32_t>{of_two ? 2 : 3} : std::vector<std::int32_t>{2, 3, 4, 6};
  for (const std::int32_t ranks : sizes) {
    for (const Setting& setting : algorithms::settings(ranks)) {
      if (!concerns(setting, algorithm)) continue;
      for (std::int32_t rank = 0; rank < ranks; ++rank) {
        try_rank(algorithm, setting, rank, 0, &tally);
        if (algorithm.collective == Collective::kBroadcast && ranks > 2)
          try_rank(algorithm, setting, rank, 2, &tally);
      }
    }
  }
  EXPECT_GT(tally.mutants, of_two ? 30 : 100);
  EXPECT_GT(tally.caught, tally.mutants / 2);
}

// One slot fewer than an algorithm asks for is one too few, in every area that it uses.
TEST_P(Mutants, OneSlotFewerIsCaught) {
  const Algorithm& algorithm = algorithms::all()[GetParam()];
  for (const Setting& setting : algorithms::settings(most_ranks(algorithm))) {
    if (!concerns(setting, algorithm)) continue;
    const algorithms::Request asked{&setting.placement, 0, setting.leaders};
    const Layout layout = algorithm.layout(asked);
    for (std::size_t area = 0; area < layout.areas.size(); ++area) {
      // It has more than it needs, half of them a rank.
      const std::int32_t fewer = algorithm.name == "alternating" ? layout.areas[area].slots / 2 : 1;
      bool used = false;
      Subject subject;
      subject.placement = &setting.placement;
      subject.reduces = algorithm.collective == Collective::kAllReduce;
      subject.schedule = [&](std::int32_t rank, std::int32_t root) {
        algorithms::Request request = asked;
        request.root = root;
        Schedule schedule = algorithm.emit(request, rank);
        schedule.layout.areas[area].slots -= fewer;
        for (const Place& place : schedule.places)
          used |= place.kind == PlaceKind::kSlot && place.area == area;
        return schedule;
      };
      // Between two hosts a slot is free again when the result of the segment is there.
      const bool ring_of_two = algorithm.name == "hierarchical-ring" &&
                               setting.placement.hosts() == 2 &&
                               layout.areas[area].unit == Area::Unit::kChunk;
      EXPECT_TRUE(caught(subject, 0) || !used || ring_of_two)
          << algorithm.name << ", " << setting.name << ", area " << area;
    }
  }
}

// What one rank claims by mistake is noticed since the others claim something else. So here all
// make the same mistake.
TEST(ClaimMutants, ThatAllRanksShareAreCaught) {
  std::int32_t tried = 0;
  for (const char* name : {"claimed", "zero-copy-claimed"}) {
    const Algorithm& algorithm = *algorithms::find(Collective::kAllReduce, name);
    const Placement placement({0, 0, 0});
    const auto mutants_of = [&](std::int32_t rank) {
      return testing::Mutator(algorithm.emit({&placement, 0, 1}, rank)).all();
    };
    const std::vector<std::vector<Mutant>> all{mutants_of(0), mutants_of(1), mutants_of(2)};
    const Schedule original = algorithm.emit({&placement, 0, 1}, 0);
    for (std::size_t at = 0; at < all[0].size(); ++at) {
      const Mutant& mutant = all[0][at];
      const Lane& lane = original.lanes[mutant.lane];
      if (lane.steps[mutant.step].op != Op::kClaim) continue;
      ++tried;
      Subject subject;
      subject.placement = &placement;
      subject.schedule = [&](std::int32_t rank, std::int32_t) {
        return all[static_cast<std::size_t>(rank)][at].schedule;
      };
      const bool harmless = mutant.mistake == Mistake::kSourcesSwapped ||
                            (mutant.mistake == Mistake::kLaterTurn && ends_lane(lane, mutant.step));
      EXPECT_NE(caught(subject, 0), harmless)
          << name << ": mistake " << static_cast<int>(mutant.mistake);
    }
  }
  EXPECT_GT(tried, 20);
}

std::string test_name(const ::testing::TestParamInfo<std::size_t>& info) {
  const Algorithm& algorithm = algorithms::all()[info.param];
  std::string name = algorithm.collective == Collective::kAllReduce ? "allreduce_" : "broadcast_";
  name += algorithm.name;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(All, Mutants, ::testing::Range(std::size_t{0}, algorithms::all().size()),
                         test_name);

}  // namespace
}  // namespace hfreduce
