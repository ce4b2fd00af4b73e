#include "planner/planner.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/settings.h"

namespace hfreduce::planner {
namespace {

using algorithms::Algorithm;
using algorithms::Collective;

constexpr std::uint64_t kKiB = 1024;
constexpr std::uint32_t kOneShotSegment = 32 * kKiB;
constexpr std::uint64_t kSegment = 256 * kKiB;
constexpr std::uint64_t kHierarchicalSegment = 512 * kKiB;
// What a message carries at best: more does not lower the cost of its system calls any further, and
// what was just summed or received should still be in the cache.
constexpr std::uint64_t kMessage = 256 * kKiB;
constexpr std::uint64_t kMostSegment = 256 * 1024 * kKiB;
constexpr std::uint32_t kLinkSegment = 64 * kKiB;
// So that the steps do not cost more than the bytes.
constexpr std::uint64_t kLeastSegment = 64 * kKiB, kLeastClaimedSegment = 32 * kKiB;
constexpr std::uint32_t kEagerUpTo = 2 * kKiB;
// A broadcast's bytes cross from cache to cache while the next ones are written: the sooner they
// begin the better, but a segment's hand-over costs as much as copying 8 KiB. 32 were the fastest
// for every size.
constexpr std::uint32_t kDirectSegment = 32 * kKiB;
// Up to here a broadcast between hosts is sent unasked: what is copied once more out of a slot
// costs less than a round trip.
constexpr std::uint64_t kUnaskedUpTo = 32 * kKiB;
constexpr std::uint32_t kUnaskedSegment = 32 * kKiB, kUnaskedSegmentAmongMates = 16 * kKiB;
constexpr std::string_view kBinomial = "binomial";
// Where mates hand each other what came over a link, which costs turns of the scheduler.
constexpr std::uint32_t kLinkSegmentAmongMates = 256 * kKiB;
// Below this a tree's log2 n hops beat a ring's 2(n - 1); with few hosts the ring's even load wins
// sooner.
constexpr std::uint64_t kTreeUpTo = 64 * kKiB;
constexpr std::uint64_t kTreeOfHostsUpTo = 128 * kKiB;  // with several ranks each
// Its rounds are half of a tree's, but each carries all the data; and every mate of a host sends.
constexpr std::uint64_t kDoublingUpTo = 32 * kKiB;
constexpr std::uint64_t kDoublingOfAHostUpTo = 64 * kKiB;
constexpr std::int32_t kRingUpToHosts = 16;
constexpr std::int32_t kChainUpToHosts = 8;
// Up to here a turn of the scheduler costs more than what claiming costs: data that moves from core
// to core, since it is not the same rank that works on the same part of it every time.
constexpr std::uint64_t kClaimedUpTo = 512 * kKiB;
// What is staged and worked on lies in a core's second-level cache.
constexpr std::uint32_t kClaimedSegment = 128 * kKiB;
constexpr std::string_view kClaimed = "claimed", kDirect = "direct";
constexpr std::string_view kZeroCopy = "zero-copy", kZeroCopyClaimed = "zero-copy-claimed";
constexpr std::string_view kZeroCopyShared = "zero-copy-shared";
// Below this its two rendezvous cost more than the copies that it saves.
constexpr std::uint64_t kZeroCopyFrom = 4 * kKiB;
// Where slots change hands it has little to save, and asking in vain costs about 40 ns.
constexpr std::uint64_t kZeroCopyInsteadOfAlternatingFrom = 8 * kKiB;
// Below, rendezvous of all with all cost more than reading the root's buffer less often saves; each
// is a turn of the scheduler where ranks share cores.
constexpr std::uint64_t kSharedFrom = 16 * kKiB, kSharedByACrowdFrom = 512 * kKiB;
// So that an abort is heard within one.
constexpr std::uint64_t kZeroCopySegment = 64 * 1024 * kKiB;
// Up to here one rendezvous is worth more than reading everybody's data instead of a share of it.
constexpr std::uint64_t kOneShotUpTo = 2 * kKiB;
// Two ranks: below, a flag that comes with its data is worth more than lines that need not be
// fetched; above, twice the bytes that are copied cost more than the second rendezvous.
constexpr std::uint32_t kAlternatingFrom = 512, kAlternatingUpTo = 8 * kKiB;
constexpr std::string_view kAlternating = "alternating";

// Groups cost a rendezvous more, and save bytes that cross between them, which cost about five
// times what they cost inside a cache (3.5 and 17 GB/s, docs/limits.md): from three ranks a group
// on that is a third of the time or more. Not measured as a whole; see docs/design/010-groups.md.
constexpr std::string_view kGrouped = "grouped";
constexpr std::int32_t kGroupedRanks = 3;
constexpr std::uint64_t kGroupedFrom = 32 * kKiB;
constexpr std::uint32_t kGroupedSegment = 128 * kKiB;
constexpr std::uint64_t kLeastGroupedSegment = 32 * kKiB;

bool is_zero_copy(const Algorithm& algorithm) { return algorithm.name.starts_with(kZeroCopy); }

bool claims(const Facts& facts, std::uint64_t bytes) {
  return facts.crowded && bytes <= kClaimedUpTo;
}

bool two_on_one_host(const schedule::Placement& placement) {
  return placement.hosts() == 1 && placement.ranks() == 2;
}

bool groups_pay(const schedule::Placement& placement) {
  const std::int32_t outermost = placement.levels() - 1;
  return outermost >= 0 && placement.ranks() >= kGroupedRanks * placement.groups(outermost);
}

std::string_view pick_allreduce(const Facts& facts, std::uint64_t bytes) {
  const schedule::Placement& placement = *facts.placement;
  if (two_on_one_host(placement) && bytes >= kAlternatingFrom && bytes <= kAlternatingUpTo)
    return kAlternating;
  if (placement.hosts() == 1 && bytes <= kOneShotUpTo) return "one-shot";
  if (placement.hosts() == 1 && claims(facts, bytes)) return kClaimed;
  if (placement.hosts() == 1)
    return groups_pay(placement) && bytes >= kGroupedFrom ? kGrouped : "two-shot";
  const auto mates = static_cast<std::uint64_t>(placement.most_local());
  if (bytes <= std::min(kDoublingUpTo, kDoublingOfAHostUpTo / mates)) return "recursive-doubling";
  // Between two hosts it carries the same bytes as a ring, in half as many messages. With more
  // hosts in fewer, which is worth more than a ring's even load where they share their cores.
  if (mates > 1 && (placement.hosts() == 2 || facts.crowded)) return "hierarchical-tree";
  const bool tree = bytes <= (mates == 1 ? kTreeUpTo : kTreeOfHostsUpTo)
                        ? placement.hosts() > 2
                        : placement.hosts() > kRingUpToHosts;
  if (placement.most_local() == 1) return tree ? "double-tree" : "ring";
  return tree ? "hierarchical-tree" : "hierarchical-ring";
}

std::string_view pick_broadcast(const schedule::Placement& placement, std::uint64_t bytes) {
  if (placement.hosts() == 1 && bytes <= kEagerUpTo) return "eager";
  if (placement.hosts() == 1)
    return groups_pay(placement) && bytes >= kGroupedFrom ? kGrouped : kDirect;
  if (bytes <= kUnaskedUpTo) return kBinomial;
  const bool tree =
      bytes <= kTreeUpTo ? placement.hosts() > 2 : placement.hosts() > kChainUpToHosts;
  if (placement.most_local() == 1) return tree ? "tree" : "chain";
  return tree ? "hierarchical-tree" : "hierarchical-chain";
}

// How many segments a call is cut into at best: as few as overlap, since each costs its steps and
// its system calls (docs/limits.md). A flat ring needs none to overlap: its chunks follow each
// other. Inside a host as many as fit the caches.
std::uint64_t segments_for(const Facts& facts, const Algorithm& algorithm) {
  if (algorithm.name == kClaimed) return 2;  // each costs a turn of the scheduler
  if (facts.placement->hosts() == 1) return 8;
  if (algorithm.name == "ring") return 1;
  return algorithm.collective == Collective::kBroadcast ? 4 : 2;
}

// The largest segment that pays. Where several ranks of a host pass each other's data on it is as
// large as their slots: each costs turns of the scheduler, and the messages that it is cut into
// their system calls and packets.
std::uint64_t most_that_pays(const Facts& facts, const Algorithm& algorithm) {
  const std::uint64_t capacity = segment_capacity(algorithm, *facts.placement);
  if (facts.placement->hosts() == 1) return capacity;
  if (facts.placement->most_local() > 1 && algorithm.name.starts_with("hierarchical"))
    return capacity;
  return algorithm.collective == Collective::kBroadcast ? std::min(capacity, kMessage) : capacity;
}

std::uint64_t least_segment(const Facts& facts, const Algorithm& algorithm) {
  if (facts.placement->hosts() > 1)
    return facts.placement->most_local() == 1 ? kLinkSegment : kLinkSegmentAmongMates;
  if (algorithm.name == kClaimed) return kLeastClaimedSegment;
  return algorithm.name == kGrouped ? kLeastGroupedSegment : kLeastSegment;
}

std::uint32_t pick_segment(const Facts& facts, const Algorithm& algorithm, std::uint64_t bytes) {
  const std::uint64_t most = most_that_pays(facts, algorithm);
  const std::uint64_t pieces = segments_for(facts, algorithm);
  std::uint64_t segment = std::min(least_segment(facts, algorithm), most);
  while (segment * 2 <= std::min(bytes / pieces, most)) segment *= 2;
  return static_cast<std::uint32_t>(segment);
}

// "64 KiB"
std::string size_text(std::uint64_t bytes) {
  if (bytes < kKiB) return fmt::format("{} B", bytes);
  return bytes < kKiB * kKiB ? fmt::format("{} KiB", bytes / kKiB)
                             : fmt::format("{} MiB", bytes / kKiB / kKiB);
}
struct Unit {
  double ns;
  const char* name;
};
Unit unit_of(std::int64_t ns) {
  if (ns < 1'000'000) return {1e3, "us"};
  return ns < 1'000'000'000 ? Unit{1e6, "ms"} : Unit{1e9, "s"};
}
// Three digits, and never 4.63e+03: the others of a list may be far slower than what set its unit.
std::string amount_text(std::int64_t ns, const Unit& unit) {
  const double amount = static_cast<double>(ns) / unit.ns;
  return amount < 1000 ? fmt::format("{:.3g}", amount) : fmt::format("{:.0f}", amount);
}

const Algorithm* usable(Collective collective, std::string_view name,
                        const schedule::Placement& placement) {
  const Algorithm* algorithm = algorithms::find(collective, name);
  return algorithm != nullptr && algorithm->applies(placement) ? algorithm : nullptr;
}

}  // namespace

std::uint64_t mapped_from(const schedule::Placement& placement, Collective collective) {
  return collective == Collective::kAllReduce && two_on_one_host(placement)
             ? kZeroCopyInsteadOfAlternatingFrom
             : kZeroCopyFrom;
}

// Two share the work of the sockets, and of adding, between two cores; more were not measured.
// Where there are no cores to share it between, each makes an allreduce's messages smaller.
std::int32_t choose_leaders(const Facts& facts, Collective collective) {
  const bool one =
      facts.crowded && facts.placement->hosts() > 2 && collective == Collective::kAllReduce;
  const std::int32_t chosen = one ? 1 : 2;
  return std::min(facts.leaders != 0 ? facts.leaders : chosen, facts.placement->fewest_local());
}

// A flat ring's slots hold a chunk, so the more ranks there are the larger a segment may be. On one
// host there is no network whose messages large segments would fill.
std::uint32_t segment_capacity(const Algorithm& algorithm, const schedule::Placement& placement) {
  if (algorithm.name == "one-shot" || algorithm.name == "recursive-doubling")
    return kOneShotSegment;
  if (algorithm.name == kAlternating) return kAlternatingUpTo;
  if (algorithm.name == "eager") return kEagerUpTo;
  if (algorithm.name == kDirect) return kDirectSegment;
  if (algorithm.name == kGrouped) return kGroupedSegment;
  if (algorithm.name == kBinomial)
    return placement.most_local() > 1 ? kUnaskedSegmentAmongMates : kUnaskedSegment;
  if (algorithm.name.starts_with("hierarchical") && placement.hosts() > 1)
    return kHierarchicalSegment;
  if (is_zero_copy(algorithm)) return kZeroCopySegment;
  if (algorithm.name == kClaimed) return kClaimedSegment;
  if (algorithm.name != "ring") return kSegment;
  const auto chunks = 2 * static_cast<std::uint64_t>(placement.ranks());
  return static_cast<std::uint32_t>(std::min(kMostSegment, kMessage * chunks));
}

namespace {

// "ring" or "ring@64K".
struct Wanted {
  std::string_view name;
  std::uint32_t segment_bytes = 0;
};

Result<Wanted> parse_wanted(std::string_view text) {
  const std::size_t at = text.find('@');
  Wanted wanted{text.substr(0, at), 0};
  if (at == std::string_view::npos) return wanted;
  const auto segment = parse_size(text.substr(at + 1));
  if (!segment.ok() || *segment < 1 || *segment > static_cast<std::int64_t>(kMostSegment))
    return Status(Code::kInvalidArgument,
                  fmt::format("algorithm '{}': a segment of 1 to 256M is to follow the @", text));
  wanted.segment_bytes = static_cast<std::uint32_t>(*segment);
  return wanted;
}

struct Forced {
  const Algorithm* algorithm = nullptr;  // nullptr: nothing that applies
  std::uint32_t segment_bytes = 0;       // 0: none
};

// What the call or the facts ask for by name.
Result<Forced> forced(const Facts& facts, const Question& question) {
  const schedule::Placement& placement = *facts.placement;
  const bool by_call = !question.forced.empty();
  const std::string_view text = by_call ? question.forced : std::string_view(facts.forced);
  if (text.empty()) return Forced{};
  HFR_ASSIGN(const Wanted wanted, parse_wanted(text));
  const Algorithm* algorithm = usable(question.collective, wanted.name, placement);
  if (algorithm != nullptr) return Forced{algorithm, wanted.segment_bytes};
  if (!by_call) return Forced{};
  const bool known = algorithms::find(question.collective, wanted.name) != nullptr;
  const std::string why =
      !known ? "does not exist for this collective"
             : fmt::format("does not work on {} ranks on {} host{}{}", placement.ranks(),
                           placement.hosts(), placement.hosts() == 1 ? "" : "s",
                           wanted.name == kGrouped       ? ": it takes one, with groups of ranks"
                           : wanted.name == kAlternating ? ": it takes two on one"
                                                         : "");
  return Status(
      Code::kInvalidArgument,
      fmt::format("algorithm '{}' {} (`hfreduce-sched list` names them)", wanted.name, why));
}

// The fastest that was measured; nothing where nothing was.
Forced measured(const Facts& facts, const Question& question) {
  for (const Measured& it : facts.tuning.nearest(question.collective, question.bytes)) {
    if (!is_zero_copy(*it.algorithm) && it.algorithm->applies(*facts.placement))
      return {it.algorithm, it.segment_bytes};
  }
  return {};
}

OffersPrivate if_readable(const Facts& facts, const Question& question) {
  return question.collective == Collective::kBroadcast && facts.peer_reads != PeerReads::kRefused
             ? OffersPrivate::kAlways
             : OffersPrivate::kNever;
}

// Measurements are of calls in place; where they speak against it a root that has to copy itself,
// too, goes on by the thresholds.
OffersPrivate offers_private(const Facts& facts, const Question& question) {
  OffersPrivate offers = if_readable(facts, question);
  if (offers == OffersPrivate::kNever) return offers;
  const std::vector<Measured> ways = facts.tuning.nearest(question.collective, question.bytes);
  if (!ways.empty() && ways.front().algorithm->name == kZeroCopy) return offers;
  if (facts.peer_reads != PeerReads::kGranted || question.bytes < kPeerReadsFrom ||
      facts.placement->ranks() > kPeerReadsUpToRanks)
    return OffersPrivate::kNever;
  return ways.empty() && question.bytes <= kPeerReadsInPlaceUpTo ? OffersPrivate::kIfSlow
                                                                 : OffersPrivate::kOutOfPlaceIfSlow;
}

// A broadcast's second needs less: the root's buffer only.
std::array<const Algorithm*, 2> zero_copy(const Facts& facts, const Question& question) {
  const auto way = [&](std::string_view name) {
    return usable(question.collective, name, *facts.placement);
  };
  if (question.collective == Collective::kAllReduce)
    return {way(claims(facts, question.bytes) ? kZeroCopyClaimed : kZeroCopy), nullptr};
  if (question.bytes < (facts.crowded ? kSharedByACrowdFrom : kSharedFrom))
    return {way(kZeroCopy), nullptr};
  return {way(kZeroCopyShared), way(kZeroCopy)};
}

std::string_view picked(const Facts& facts, const Question& question) {
  return question.collective == Collective::kAllReduce
             ? pick_allreduce(facts, question.bytes)
             : pick_broadcast(*facts.placement, question.bytes);
}

}  // namespace

Result<Choice> choose(const Facts& facts, const Question& question) {
  const schedule::Placement& placement = *facts.placement;
  HFR_ASSIGN(const Forced wanted, forced(facts, question));
  const bool free = wanted.algorithm == nullptr;
  const bool wants_zero_copy = !free && is_zero_copy(*wanted.algorithm);
  Forced way = wanted;
  if (free || wants_zero_copy) way = measured(facts, question);
  if (way.algorithm == nullptr)
    way.algorithm = usable(question.collective, picked(facts, question), placement);
  if (way.algorithm == nullptr)
    return Status(Code::kInternalError, "the planner chose an algorithm that does not apply");
  Choice choice;
  choice.algorithm = way.algorithm;
  const std::uint32_t most = segment_capacity(*way.algorithm, placement);
  // What is asked for by name, then for all calls, then what was measured.
  std::uint32_t segment = wants_zero_copy ? 0 : wanted.segment_bytes;
  if (segment == 0) segment = facts.segment_bytes;
  if (segment == 0) segment = way.segment_bytes;
  choice.segment_bytes =
      segment != 0 ? std::min(segment, most) : pick_segment(facts, *way.algorithm, question.bytes);
  if (wants_zero_copy || (free && question.bytes >= mapped_from(placement, question.collective))) {
    choice.zero_copy = zero_copy(facts, question);
    if (wants_zero_copy) choice.zero_copy = {wanted.algorithm, nullptr};
    choice.zero_copy_segment_bytes = kZeroCopySegment;
    if (choice.zero_copy[0] != nullptr)
      choice.offers_private =
          wants_zero_copy ? if_readable(facts, question) : offers_private(facts, question);
  }
  return choice;
}

Tuning worth_taking(const Facts& facts, const Tuning& all, std::uint64_t apart) {
  constexpr double kWithinNoise = 1.05;
  Tuning taken;
  for (const Collective collective : {Collective::kAllReduce, Collective::kBroadcast}) {
    std::uint64_t before = 0;
    for (const std::uint64_t bytes : all.sizes(collective)) {
      if (bytes / apart < before) continue;
      const std::vector<Measured> ways = all.nearest(collective, bytes);
      const std::string_view usual = picked(facts, {collective, bytes, {}});
      const auto found = std::find_if(ways.begin(), ways.end(), [&](const Measured& way) {
        return way.algorithm->name == usual && way.segment_bytes == 0;
      });
      const bool stays = found != ways.end() && static_cast<double>(found->ns) <=
                                                    kWithinNoise * static_cast<double>(ways[0].ns);
      taken.add(stays ? *found : ways[0]);
      // Private memory that cannot be read after all goes another way.
      if (!stays && ways.size() > 1 && ways[0].algorithm->name == kZeroCopy) taken.add(ways[1]);
      before = bytes;
    }
  }
  return taken;
}

std::string explain(const Facts& facts, Collective collective) {
  std::string text;
  std::string_view before;
  for (std::uint64_t bytes = 8; bytes <= 64 * kKiB * kKiB; bytes *= 2) {
    const auto choice = choose(facts, {collective, bytes, {}});
    if (!choice.ok() || choice->algorithm->name == before) continue;
    text += before.empty()
                ? fmt::format("{}", choice->algorithm->name)
                : fmt::format(" up to {}, then {}", size_text(bytes / 2), choice->algorithm->name);
    before = choice->algorithm->name;
  }
  return text;
}

Status check_forced(std::string_view text) {
  if (text.empty()) return {};
  HFR_ASSIGN(const Wanted wanted, parse_wanted(text));
  const auto& known = algorithms::all();
  if (std::any_of(known.begin(), known.end(),
                  [&](const Algorithm& algorithm) { return algorithm.name == wanted.name; }))
    return {};
  return Status(Code::kInvalidArgument,
                fmt::format("HFREDUCE_ALGORITHM: there is no algorithm '{}' (`hfreduce-sched "
                            "list` names them)",
                            wanted.name));
}

std::string explain_forced(const Facts& facts) {
  if (facts.forced.empty()) return "";
  const std::string_view name = std::string_view(facts.forced).substr(0, facts.forced.find('@'));
  std::string collectives;
  for (const auto& [collective, calls] :
       {std::pair{Collective::kAllReduce, "allreduces"}, {Collective::kBroadcast, "broadcasts"}})
    if (usable(collective, name, *facts.placement) != nullptr)
      collectives += fmt::format("{}{}", collectives.empty() ? "" : " and ", calls);
  if (collectives.empty())
    return fmt::format(" HFREDUCE_ALGORITHM={} has no effect: it does not work on these ranks.",
                       facts.forced);
  return fmt::format(" HFREDUCE_ALGORITHM={} decides {}, whatever is faster.", facts.forced,
                     collectives);
}

std::string explain_crowd(const Facts& facts) {
  const schedule::Placement& placement = *facts.placement;
  if (!facts.crowded || placement.hosts() == 1 || placement.most_local() == 1) return "";
  return fmt::format(
      " Ranks outnumber the cores of their machine, so allreduces go up a tree led by {} of each "
      "host: fewer messages, each of which costs a turn of the scheduler.",
      choose_leaders(facts, Collective::kAllReduce));
}

std::string explain_grouping(const Facts& facts) {
  const schedule::Placement& placement = *facts.placement;
  if (placement.levels() == 0) return "";
  constexpr std::string_view kOnce = "each byte crosses from group to group once up and once down";
  if (placement.hosts() > 1)
    return fmt::format(" Hierarchical algorithms follow them inside hosts: {}.", kOnce);
  if (!groups_pay(placement))
    return fmt::format(
        " Algorithm grouped, which follows them, is not taken: with fewer than {} ranks a group "
        "the "
        "rendezvous that it has more costs about what it saves.",
        kGroupedRanks);
  std::string text = fmt::format(
      " Algorithm grouped follows them: {}. It is taken from {} on; below, the rendezvous that it "
      "has more would cost more than that saves.",
      kOnce, size_text(kGroupedFrom));
  if (facts.crowded)
    text +=
        fmt::format(" Up to {} allreduces are claimed instead: there are fewer cores than ranks.",
                    size_text(kClaimedUpTo));
  if (!facts.tuning.empty()) text += " Where measured plans name another algorithm, that is taken.";
  return text;
}

std::string explain_measured(const Facts& facts, const Tuning& all, Collective collective) {
  const std::set<std::uint64_t> sizes = all.sizes(collective);
  if (sizes.empty()) return "";
  const auto middle = std::next(sizes.begin(), static_cast<std::ptrdiff_t>(sizes.size() / 2));
  std::string text;
  for (const std::uint64_t bytes : std::set{*sizes.begin(), *middle, *sizes.rbegin()}) {
    std::vector<Measured> ways = all.nearest(collective, bytes);
    // The chosen one first, though another may have been faster by less than noise.
    const auto choice = choose(facts, {collective, bytes, {}});
    const std::string_view chosen = choice.ok() ? choice->algorithm->name : "";
    std::stable_partition(ways.begin(), ways.end(),
                          [&](const Measured& way) { return way.algorithm->name == chosen; });
    const Unit unit = unit_of(ways[0].ns);
    std::string others;
    std::vector<const Algorithm*> named{ways[0].algorithm};
    for (const Measured& way : ways) {
      if (std::find(named.begin(), named.end(), way.algorithm) != named.end()) continue;
      named.push_back(way.algorithm);
      others += fmt::format("{}{} {}", others.empty() ? "" : ", ", way.algorithm->name,
                            amount_text(way.ns, unit));
    }
    text += fmt::format("{}{} {} in {} {}", text.empty() ? "" : "; ", size_text(ways[0].bytes),
                        ways[0].algorithm->name, amount_text(ways[0].ns, unit), unit.name);
    if (!others.empty()) text += " (" + others + ")";
  }
  return text;
}

}  // namespace hfreduce::planner
