// Questions about an operation. Who has waited a while asks; asks travel up to the top of the tree,
// one at a time on each edge; the top surveys everybody, reports are merged on the way back, and
// the answer goes down to those who asked.
//
// A rank that does not answer (stopped, or busy being killed) holds nobody up: a node passes on
// what it has after some hundred milliseconds, and leaves a child alone until it has answered the
// previous survey, so that an unread connection never fills.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "bootstrap/frame.h"
#include "bootstrap/loop.h"
#include "bootstrap/report.h"

namespace hfreduce::bootstrap {

// The node, as the inquiry sees it.
class InquiryPort {
 public:
  virtual ~InquiryPort() = default;
  virtual bool is_top() const = 0;
  virtual std::vector<std::int32_t> children() const = 0;
  // To `edge`, or to the parent if there is none.
  virtual void tell(std::optional<std::int32_t> edge, FrameType type, std::string payload) = 0;
  // What this rank can say about the operation, for itself and for those who have left.
  virtual Report own_report(std::uint64_t sequence) = 0;
  // The top judges a report.
  virtual Judgement conclude(const Report& report, std::uint64_t sequence) = 0;
  // The answer to ask().
  virtual void answered(std::uint64_t sequence, const RankSet& absent) = 0;
};

class Inquiry {
 public:
  Inquiry(Loop& loop, std::int32_t ranks, InquiryPort& port)
      : loop_(loop), ranks_(ranks), port_(port) {}

  void ask(std::uint64_t sequence);
  // False: nonsense.
  bool from_child(std::int32_t child, const Frame& frame);
  bool from_parent(const Frame& frame);
  void child_gone(std::int32_t child);
  // The parent has gone, or another one has come.
  void parent_changed();
  // No more timers: the node is about to end.
  void stop();

 private:
  struct Survey {
    std::uint32_t id = 0;
    std::uint64_t sequence = 0;
    bool for_parent = false;
    Report report;
    std::set<std::int32_t> awaited;
    Timer patience;
  };
  void advance();
  void begin(Survey survey, std::int32_t wait_ms);
  void end_survey();
  void hand_out(std::uint64_t sequence, const RankSet& absent);

  Loop& loop_;
  const std::int32_t ranks_;
  InquiryPort& port_;
  std::uint64_t own_ = 0;                        // what this rank asks; 0: nothing
  std::map<std::int32_t, std::uint64_t> asked_;  // what children ask
  std::uint64_t passed_up_ = 0;                  // what the parent was asked
  std::optional<Survey> survey_;
  std::set<std::int32_t> silent_;  // children that owe a report
  std::uint32_t next_id_ = 1;
  Nanoseconds earliest_ = 0;  // of the next survey
  Timer later_;
};

}  // namespace hfreduce::bootstrap
