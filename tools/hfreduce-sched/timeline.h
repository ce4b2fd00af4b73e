// When each step of a call begins and ends under a simple cost model, what held it up, and what
// went over which link.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "schedule/schedule.h"

namespace hfreduce::sched {

// Nanoseconds. A step costs its constant and so much for each byte that it reads or writes; a
// message over a posted link so long, and so much for each byte, during which the link is taken. A
// rank does one step at a time, and waiting costs nothing but time.
struct Costs {
  double mapped_step = 100, mapped_byte = 0.05;
  double posted_step = 10'000, posted_byte = 0.1;
};

// One step, done once.
struct Box {
  std::int32_t rank = 0;
  std::int32_t lane = 0;
  std::uint32_t step = 0;
  std::int32_t segment = 0;
  std::uint32_t k = 0;  // the repetition of the enclosing repeat
  double begin = 0, end = 0;
  double bytes = 0;  // of one operand
  std::int32_t cause =
      0;  // the box that this one followed at once, or whose message it waited for; -1: none
  std::int32_t arrow = -1;  // by which that box let this one go on
  bool critical = false;
  bool waits = false;
};

// From the step that raised a flag to the wait that it ended.
struct Arrow {
  std::int32_t from = 0, to = 0;  // boxes
  double arrives = 0;
  bool posted = false;
  bool credit = false;  // tells that a slot is free, not that data is there
  bool critical = false;
};

struct Timeline {
  std::vector<Box> boxes;  // in the order in which they begin
  std::vector<Arrow> arrows;
  std::map<std::pair<std::int32_t, std::int32_t>, double>
      bytes;  // by (from, to), from rank to other rank
  double length = 0;
  double in_steps = 0;  // of the critical path; the rest of it are messages on their way
  std::int32_t critical_steps = 0;
  std::string fault;  // one sentence; empty: it went to its end
};

struct Run {
  const schedule::Placement* placement = nullptr;
  const std::vector<schedule::Schedule>* schedules = nullptr;  // of all ranks, in their order
  std::int32_t segments = 1;
  double bytes = 0;  // of a rank's buffer
  Costs costs;
  std::size_t most_boxes = 0;  // beyond, it ends with a fault
};

// The first call on a communicator: every slot is free.
Timeline time_of(const Run& run);

}  // namespace hfreduce::sched
