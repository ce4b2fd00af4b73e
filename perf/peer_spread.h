// Another library beside ranks that a launcher has started, on one host or several: each rank has
// the process of its own number, and they tell each other what those say.
#pragma once

#include "peer_company.h"
#include "peer_job.h"
#include "probe_sockets.h"
#include "seat.h"

namespace hfreduce::perf {

class EachItsOwn final : public PeerCompany {
 public:
  explicit EachItsOwn(Seat& seat) : seat_(seat) {}
  // A line from each.
  Lines together(const std::function<Lines()>& mine) override;
  double longest(double us) override;
  bool tells() const override { return seat_.rank == 0; }

 private:
  std::vector<std::string> swap(const std::string& mine);

  Seat& seat_;
};

// Where this rank's process is to run. All ranks call it together. `ring`: none on one host.
PeerPlace spread_place(Seat& seat, const SocketRing* ring, PeerCompany& company);

}  // namespace hfreduce::perf
