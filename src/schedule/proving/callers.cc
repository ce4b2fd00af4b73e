// The callers of all ranks: they write their buffers before a call, and read the output after it.
#include <fmt/format.h>

#include "schedule/proving/machine.h"

namespace hfreduce::schedule::proving {

Value Machine::contribution(std::int32_t rank, std::int32_t segment, std::int32_t chunk) const {
  const std::uint64_t where =
      (static_cast<std::uint64_t>(segment) << 32) | static_cast<std::uint64_t>(chunk);
  const std::uint64_t x = mix(mix(mix(calls_ + 1) + static_cast<std::uint64_t>(rank)) + where);
  return {x % kPrime, mix(x), chunk};
}

bool Machine::caller_writes(std::int32_t rank, std::size_t cell, const Value& value) {
  Rank& own = ranks_[static_cast<std::size_t>(rank)];
  const std::uint32_t actor = own.actors.front();
  const Access access{clocks_ ? &own.clock : nullptr, {actor, own.clock.of(actor)}};
  if (const auto with = memory_.write(cell, access, value))
    return fail(fmt::format(
        "race: after its call had returned, rank {}'s buffer was still used by {} when its caller "
        "wrote it again",
        rank, actors_[with->actor]));
  return true;
}

void Machine::begin(const Call& call) {
  call_ = call;
  totals_.assign(static_cast<std::size_t>(call.segments * layout_.chunks), {});
  runs_.clear();
  for (std::int32_t rank = 0; rank < placement_.ranks(); ++rank) {
    Rank& own = ranks_[static_cast<std::size_t>(rank)];
    if (clocks_) own.clock.tick(own.actors.front());
    for (std::int32_t segment = 0; segment < call.segments; ++segment) {
      for (std::int32_t chunk = 0; chunk < layout_.chunks; ++chunk) {
        const Value value = contribution(rank, segment, chunk);
        const auto at = static_cast<std::size_t>(chunk);
        if (!caller_writes(rank, memory_.input_cell(rank, segment) + at, value)) return;
        const Value junk{value.order % kPrime, value.sum, chunk};
        if (!call.in_place &&
            !caller_writes(rank, memory_.output_cell(rank, segment, false) + at, junk))
          return;
        Value& total = totals_[static_cast<std::size_t>(segment * layout_.chunks + chunk)];
        if (subject_.reduces)
          total.sum = add(total.sum, value.sum);
        else if (rank == call.root)
          total = value;
      }
    }
    const Schedule& schedule = (*schedules_)[static_cast<std::size_t>(rank)];
    for (std::size_t lane = 0; lane < schedule.lanes.size(); ++lane) {
      LaneRun& run = runs_.emplace_back();
      run.rank = rank;
      run.schedule = &schedule;
      run.lane = &schedule.lanes[lane];
      run.logs = &logs_[static_cast<std::size_t>(rank)];
      run.actor = own.actors[lane];
      run.clock = own.clock;
      if (clocks_) run.clock.tick(run.actor);
    }
  }
}

bool Machine::end() {
  for (const LaneRun& run : runs_)
    if (clocks_) ranks_[static_cast<std::size_t>(run.rank)].clock.join(run.clock);
  if (clocks_) {
    for (Log& log : flags_.all()) {
      // A call returns when everything that it posted has left its source.
      if (!log.sent.empty())
        ranks_[static_cast<std::size_t>(log.owner)].clock.learn({log.actor, log.sent.back().time});
      log.sent.clear();
    }
  }
  for (std::int32_t rank = 0; rank < placement_.ranks(); ++rank)
    if (!check_output(rank)) return false;
  return true;
}

bool Machine::check_output(std::int32_t rank) {
  Rank& own = ranks_[static_cast<std::size_t>(rank)];
  const std::uint32_t actor = own.actors.front();
  if (clocks_) own.clock.tick(actor);
  const Access access{clocks_ ? &own.clock : nullptr, {actor, own.clock.of(actor)}};
  for (std::int32_t segment = 0; segment < call_.segments; ++segment) {
    const std::size_t first = memory_.output_cell(rank, segment, call_.in_place);
    for (std::int32_t chunk = 0; chunk < layout_.chunks; ++chunk) {
      Value value;
      if (const auto with = memory_.read(first + static_cast<std::size_t>(chunk), access, &value))
        return fail(fmt::format("race: rank {} returned while {} could still write its output",
                                rank, actors_[with->actor]));
      Value& total = totals_[static_cast<std::size_t>(segment * layout_.chunks + chunk)];
      const std::uint64_t sum = subject_.reduces ? multiply(total.sum, kCompleted) : total.sum;
      if (value.sum != sum) return fail(diagnose(rank, segment, chunk, value));
      if (rank == 0) total.order = value.order;
      if (value.order != total.order)
        return fail(
            fmt::format("rank {} combined segment {}, chunk {} in another order than "
                        "rank 0: the bits may differ",
                        rank, segment, chunk));
    }
  }
  return true;
}

std::string Machine::diagnose(std::int32_t rank, std::int32_t segment, std::int32_t chunk,
                              const Value& got) const {
  const std::string where =
      fmt::format("call {}, rank {}, segment {}, chunk {}", calls_, rank, segment, chunk);
  if (!subject_.reduces) return where + ": the output is not the root's data";
  const std::uint64_t total =
      totals_[static_cast<std::size_t>(segment * layout_.chunks + chunk)].sum;
  if (got.sum == total) return where + ": the sum was never completed (avg would not divide)";
  for (std::int32_t other = 0; other < placement_.ranks(); ++other) {
    const std::uint64_t part = contribution(other, segment, chunk).sum;
    if (got.sum == multiply(subtract(total, part), kCompleted))
      return fmt::format("{}: rank {}'s contribution is missing", where, other);
    if (got.sum == multiply(add(total, part), kCompleted))
      return fmt::format("{}: rank {}'s contribution is there twice", where, other);
  }
  return where + ": the output is not the sum of all contributions";
}

bool Machine::retire(std::int32_t most_segments) {
  for (std::int32_t rank = 0; rank < placement_.ranks(); ++rank) {
    Rank& own = ranks_[static_cast<std::size_t>(rank)];
    if (clocks_) own.clock.tick(own.actors.front());
    const std::size_t first = memory_.input_cell(rank, 0);
    const auto cells =
        2 * static_cast<std::size_t>(most_segments) * static_cast<std::size_t>(layout_.chunks);
    for (std::size_t cell = first; cell < first + cells; ++cell)
      if (!caller_writes(rank, cell, {})) return false;
  }
  return true;
}

}  // namespace hfreduce::schedule::proving
