#include "bootstrap/rank_set.h"

#include <fmt/core.h>

#include <algorithm>

namespace hfreduce::bootstrap {

void RankSet::add(Range range) {
  // The common case, ranks in ascending order, costs nothing.
  if (ranges_.empty() || range.first > ranges_.back().last + 1) {
    ranges_.push_back(range);
    return;
  }
  auto at = std::lower_bound(
      ranges_.begin(), ranges_.end(), range,
      [](const Range& old, const Range& added) { return old.last + 1 < added.first; });
  auto end = at;
  for (; end != ranges_.end() && end->first <= range.last + 1; ++end) {
    range.first = std::min(range.first, end->first);
    range.last = std::max(range.last, end->last);
  }
  at = ranges_.erase(at, end);
  ranges_.insert(at, range);
}

void RankSet::add(const RankSet& other) {
  for (const Range& range : other.ranges_) add(range);
}

bool RankSet::contains(std::int32_t rank) const {
  const auto at =
      std::lower_bound(ranges_.begin(), ranges_.end(), rank,
                       [](const Range& range, std::int32_t r) { return range.last < r; });
  return at != ranges_.end() && at->first <= rank;
}

std::int32_t RankSet::count() const {
  std::int32_t total = 0;
  for (const Range& range : ranges_) total += range.last - range.first + 1;
  return total;
}

std::vector<std::int32_t> RankSet::to_vector(std::size_t most) const {
  std::vector<std::int32_t> ranks;
  for (const Range& range : ranges_) {
    for (std::int32_t rank = range.first; rank <= range.last && ranks.size() < most; ++rank) {
      ranks.push_back(rank);
    }
  }
  return ranks;
}

RankSet RankSet::complement(std::int32_t ranks) const {
  RankSet others;
  std::int32_t next = 0;
  for (const Range& range : ranges_) {
    if (range.first > next) others.add(Range{next, range.first - 1});
    next = range.last + 1;
  }
  if (next < ranks) others.add(Range{next, ranks - 1});
  return others;
}

std::string RankSet::to_string() const {
  constexpr std::size_t kMostListed = 16;
  std::string text;
  std::int32_t left = count();
  for (std::size_t i = 0; i < ranges_.size() && i < kMostListed; ++i) {
    const Range range = ranges_[i];
    const char* comma = i == 0 ? "" : ", ";
    if (range.first == range.last) {
      text += fmt::format("{}{}", comma, range.first);
    } else if (range.last == range.first + 1) {
      text += fmt::format("{}{}, {}", comma, range.first, range.last);
    } else {
      text += fmt::format("{}{}-{}", comma, range.first, range.last);
    }
    left -= range.last - range.first + 1;
  }
  return left > 0 ? text + fmt::format(" and {} more", left) : text;
}

void RankSet::write(Writer& writer, std::size_t most) const {
  const std::size_t count = std::min(ranges_.size(), most);
  writer.u16(static_cast<std::uint16_t>(count));
  for (std::size_t i = 0; i < count; ++i) writer.i32(ranges_[i].first).i32(ranges_[i].last);
}

bool RankSet::read(Reader& reader, std::int32_t ranks) {
  const std::size_t count = reader.u16();
  std::int32_t next = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::int32_t first = reader.i32(), last = reader.i32();
    if (!reader.ok() || first < next || last < first || last >= ranks) return false;
    add(Range{first, last});
    next = last + 1;
  }
  return reader.ok();
}

}  // namespace hfreduce::bootstrap
