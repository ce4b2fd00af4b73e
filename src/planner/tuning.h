// What `hfreduce-perf tune` measured: for sizes of a call, which algorithm with which segment took
// how long. Kept in a file for one machine; rank 0 reads it when a communicator is made, and hands
// what fits to all ranks.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "algorithms/algorithm.h"
#include "base/status.h"

namespace hfreduce::planner {

// What measurements are good for: as many hosts with as many ranks, in as many groups.
struct Shape {
  std::int32_t hosts = 1, fewest = 1, most = 1;  // ranks of a host
  std::int32_t groups = 0;                       // inside all hosts; 0: there are none

  static Shape of(const schedule::Placement& placement) {
    return {placement.hosts(), placement.fewest_local(), placement.most_local(),
            placement.levels() > 0 ? placement.groups(0) : 0};
  }
  auto operator<=>(const Shape&) const = default;
  std::string to_text() const;  // "2 1 4", and groups, if there are any
};

struct Measured {
  const algorithms::Algorithm* algorithm = nullptr;
  std::uint64_t bytes = 0;
  std::uint32_t segment_bytes = 0;  // 0: as the planner chooses
  std::int64_t ns = 0;              // of a call
};

// Of one shape.
class Tuning {
 public:
  // One "collective bytes algorithm segment nanoseconds" a line. Algorithms that this version has
  // not are passed over; anything else that does not parse is kInvalidArgument, with the line.
  static Result<Tuning> parse(std::string_view lines);
  std::string to_text() const;

  void add(const Measured& measured) { measured_.push_back(measured); }

  bool empty() const noexcept { return measured_.empty(); }
  // The sizes of which something was measured, ascending.
  std::set<std::uint64_t> sizes(algorithms::Collective collective) const;
  // What was measured nearest to `bytes`, the fastest first. Empty: nothing within a factor of 4.
  std::vector<Measured> nearest(algorithms::Collective collective, std::uint64_t bytes) const;

 private:
  std::vector<Measured> measured_;
};

struct TuningFile {
  std::string machine;
  std::map<Shape, Tuning> shapes;

  // hfreduce-tuning 1
  // machine <any text>
  // shape <hosts> <fewest> <most> [<groups>]
  // <lines as of Tuning>
  // ... further shapes
  // end
  // kInvalidArgument: not a file of this kind and version, or damaged.
  static Result<TuningFile> parse(std::string_view text);
};

}  // namespace hfreduce::planner
