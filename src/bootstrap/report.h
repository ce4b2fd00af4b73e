// What ranks say about one operation, merged on the way up the tree, and what follows from it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "bootstrap/rank_set.h"

namespace hfreduce::bootstrap {

// Ranks that say the same.
struct Stand {
  // kHeldUp: has not called it, for it waits in an earlier one.
  enum class Phase : std::uint8_t { kNotStarted, kActive, kDone, kLeft, kHeldUp };
  Phase phase = Phase::kNotStarted;
  std::uint64_t called = 0;       // kNotStarted, kHeldUp: the latest operation that they called
  std::uint32_t fingerprint = 0;  // 0: not known any more
  std::string description;
  RankSet ranks;
};

class Report {
 public:
  // Equal stands become one. After 16 different ones the rest joins the last of its phase.
  void add(const Stand& stand);
  void add(const Report& other);
  const std::vector<Stand>& stands() const { return stands_; }

  void write(Writer& writer) const;
  static std::optional<Report> read(Reader& reader, std::int32_t ranks);

 private:
  std::vector<Stand> stands_;
};

struct Judgement {
  Status failure;  // kMismatch, or success
  // Whom the others wait for: did not answer, or have not called the operation and are furthest
  // behind. Those held up in an earlier one only if nobody else is to blame.
  RankSet absent;
};

// `name`: a rank for people ("rank 3 on host B").
Judgement judge(const Report& report, std::uint64_t sequence, std::int32_t ranks,
                const std::function<std::string(std::int32_t)>& name);

}  // namespace hfreduce::bootstrap
