// Broadcasts of few bytes between hosts along a binomial tree. Nobody asks for anything: data goes
// to slots of the receiving host's first rank, its leader, whose mates read it there; and the
// credit for those slots comes from earlier calls, so that a call is one hop a level and a root
// runs ahead of its readers.
//
//   host of the root + 0 ──► 1        a level sends twice as far as the one before: any host
//                      0 ──► 2        may only hear from those that are a power of two before
//                      1 ──► 3        it, whichever host the root is on. Its leader gives its
//                      0 ──► 4 ...    credit to all of these, and in every iteration.
//
// A slot is free again when all ranks of its host have done with it, which each says in every
// iteration, whatever its role. The leader passes that on late and seldom: by then its mates have
// done so anyway, and a message serves many calls.
#include <bit>

#include "algorithms/emitters.h"
#include "algorithms/host_pass.h"
#include "schedule/builder.h"

namespace hfreduce::algorithms {
namespace {

using namespace schedule;

constexpr std::uint8_t kSlots = 0;          // area
constexpr std::int32_t kLeaderBehind = 24;  // those who send to it, at most, in iterations
constexpr std::int32_t kMatesBehind = 8;    // their leader
constexpr std::int32_t kCreditEvery = 8;    // iterations

struct Ids {
  Layout layout;
  Event data, credit;  // between leaders
  Event staged, read;  // inside a host
};

Ids make_ids(const Placement& placement) {
  Ids ids;
  for (Event* event : {&ids.data, &ids.credit, &ids.staged, &ids.read})
    *event = {add_flag(ids.layout), {}};
  const std::int32_t slots = kLeaderBehind + (placement.most_local() > 1 ? kMatesBehind : 0);
  add_area(ids.layout, {.slots = slots, .flag = ids.staged.flag});
  return ids;
}

class BinomialLane {
 public:
  BinomialLane(Builder* schedule, const Request& request, const Ids& ids)
      : lane_(schedule->lane("all")),
        placement_(*request.placement),
        ids_(ids),
        rank_(schedule->rank()),
        root_(request.root),
        host_(placement_.host_of(rank_)),
        hosts_(placement_.hosts()),
        distance_((host_ - placement_.host_of(root_) + hosts_) % hosts_),
        leads_(leader(0) == rank_),
        others_(other_mates(placement_, rank_)) {}

  void emit() {
    if (rank_ == root_)
      emit_root();
    else
      emit_reader();
  }

 private:
  static ChunkRange all() { return chunks(0, 1); }

  void emit_root() {
    if (leads_) send(input(rank_));
    if (!others_.empty()) {
      // A leader knows from giving credit.
      if (!gives_credit()) lane_.wait(ids_.read, others_, ids_.layout.areas[kSlots].slots);
      lane_.stage(all(), input(rank_), slot(kSlots, rank_)).signal(ids_.staged, others_);
    }
    tell_read();
    lane_.copy(all(), input(rank_), {output(rank_)});
  }

  void emit_reader() {
    const std::int32_t origin = distance_ == 0 ? root_ : leader(0);
    if (origin == rank_)
      lane_.wait(ids_.data, {parent()}).signal(ids_.staged, others_);
    else
      lane_.wait(ids_.staged, {origin});
    const Place from = slot(kSlots, origin);
    const Peers children = leads_ ? send(from) : Peers{};
    lane_.copy(all(), from, {output(rank_)});
    if (!children.empty()) lane_.skew(1);
    for (const std::int32_t child : children) lane_.drain(ids_.data, child);
    tell_read();
  }

  bool gives_credit() const { return leads_ && hosts_ > 1; }
  void tell_read() {
    lane_.signal(ids_.read, others_);
    if (!gives_credit()) return;
    // What the root has staged tells what it had done before.
    Peers readers = others_;
    std::erase(readers, root_);
    lane_.wait(ids_.read, readers, kMatesBehind).signal(ids_.credit, all_before(), kCreditEvery);
  }
  // Of the host that is so many further on.
  std::int32_t leader(std::int32_t further) const {
    return placement_.members(((host_ + further) % hosts_ + hosts_) % hosts_).front();
  }
  std::int32_t parent() const {
    return leader(
        -static_cast<std::int32_t>(std::bit_floor(static_cast<std::uint32_t>(distance_))));
  }
  // Whoever may be the parent, by the root.
  Peers all_before() const {
    Peers peers;
    for (std::int32_t step = 1; step < hosts_; step *= 2) peers.push_back(leader(-step));
    return peers;
  }

  // Who has no mates gives back each slot as soon as it has read it.
  std::int32_t may_be_behind(std::int32_t leader) const {
    return mates(placement_, leader).size() > 1 ? kLeaderBehind : ids_.layout.areas[kSlots].slots;
  }
  // Credit of those that are no children in this call is waited for as well: a link has two ends
  // that know of it, whichever host the root is on.
  Peers send(const Place& from) {
    Peers children;
    for (std::int32_t step = 1; step < hosts_; step *= 2) {
      const std::int32_t after = leader(step);
      lane_.wait(ids_.credit, {after}, may_be_behind(after));
      if (step <= distance_ || distance_ + step >= hosts_) continue;
      lane_.put(ids_.data, all(), from, slot(kSlots, after));
      children.push_back(after);
    }
    return children;
  }

  LaneBuilder lane_;
  const Placement& placement_;
  const Ids& ids_;
  std::int32_t rank_, root_, host_, hosts_, distance_;
  bool leads_;
  Peers others_;
};

}  // namespace

Layout binomial_layout(const Request& request) { return make_ids(*request.placement).layout; }

Schedule emit_binomial(const Request& request, std::int32_t rank) {
  const Ids ids = make_ids(*request.placement);
  Builder schedule(rank, ids.layout);
  if (request.placement->ranks() > 1) BinomialLane(&schedule, request, ids).emit();
  return schedule.finish();
}

}  // namespace hfreduce::algorithms
