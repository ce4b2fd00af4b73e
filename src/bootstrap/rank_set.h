// A set of ranks, kept as ranges: "0-2, 5".
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bootstrap/wire.h"

namespace hfreduce::bootstrap {

class RankSet {
 public:
  struct Range {
    std::int32_t first, last;
    bool operator==(const Range&) const = default;
  };

  void add(std::int32_t rank) { add(Range{rank, rank}); }
  void add(const RankSet& other);
  bool contains(std::int32_t rank) const;
  bool empty() const { return ranges_.empty(); }
  std::int32_t count() const;
  std::int32_t lowest() const { return ranges_.front().first; }  // not of an empty set
  std::vector<std::int32_t> to_vector(std::size_t most) const;
  // Those of 0 .. ranks-1 that are not in the set.
  RankSet complement(std::int32_t ranks) const;
  // "3", "0-2, 7", with "and 12 more" after some sixteen ranks or ranges.
  std::string to_string() const;

  // At most `most` ranges are written; the rest is cut off.
  void write(Writer& writer, std::size_t most = 8000) const;
  // False for ranges that overlap, run backwards or leave 0 .. ranks-1.
  bool read(Reader& reader, std::int32_t ranks);
  bool operator==(const RankSet&) const = default;

 private:
  void add(Range range);
  std::vector<Range> ranges_;  // ascending, neither overlapping nor touching
};

}  // namespace hfreduce::bootstrap
