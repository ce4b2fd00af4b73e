// The other libraries of a measurement: all of them run each case in the same rounds as ours. On
// local ranks only rank 0 has them, and the others rest meanwhile; under a launcher each rank has
// its own.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "peer_job.h"
#include "peer_lines.h"
#include "peer_spec.h"
#include "report.h"

namespace hfreduce::perf {

class Peers {
 public:
  // Starts all of them; who does not come up is left out, with a sentence.
  Peers(const std::vector<PeerSpec>& specs, const PeerPlace& place, PeerCompany& company,
        double patience_s);

  // Before the rounds of a case: each library checks its result and tells how long a call takes.
  void begin(const PeerRequest& request);
  // One round.
  void run(const PeerRequest& request);
  // After them: a figure for each library, in the order of `specs`, of the rounds that are `kept`.
  std::vector<PeerFigure> figures(const std::vector<bool>& kept) const;
  // Whether any of them had to be left out.
  bool lost() const { return lost_; }

 private:
  struct Setting {
    std::string name;
    std::unique_ptr<PeerJob> job;  // none: left out
    std::vector<PeerAnswer> rounds;
    double call_us = 0;  // about how long a call of this case takes
    std::string error;   // why it does not do this case
    bool cannot = false;
  };
  struct Library {
    std::string label;
    std::vector<Setting> settings;
  };

  PeerAnswer ask(Setting& setting, const PeerRequest& request);
  template <typename What>
  void with_each(const What& what);
  void leave_out(const Library& library, Setting& setting, const std::string& why);
  void say_errors(const Library& library);
  void say_once(const std::string& sentence);

  PeerCompany& company_;
  double patience_s_;
  std::vector<Library> libraries_;
  std::vector<std::string> said_;
  bool lost_ = false;
};

}  // namespace hfreduce::perf
