// Whether one process speaks with all processes of another library, or each rank with its own. What
// one of them learns, all of them know, and what fails for one fails for all: so they stay in step.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "failure.h"

namespace hfreduce::perf {

// That somebody has not answered in time: of several failures the least likely cause.
class Late : public Failure {
 public:
  using Failure::Failure;
};

class PeerCompany {
 public:
  virtual ~PeerCompany() = default;
  // Runs `mine` and returns the lines that it gave on all ranks, in their order. Throws on all
  // where it threw on any; only who tells() has the sentence then.
  using Lines = std::vector<std::string>;
  virtual Lines together(const std::function<Lines()>& mine) = 0;
  virtual double longest(double us) = 0;
  // Whether this one speaks to the user.
  virtual bool tells() const = 0;
};

// One process has all of them.
class Alone final : public PeerCompany {
 public:
  Lines together(const std::function<Lines()>& mine) override { return mine(); }
  double longest(double us) override { return us; }
  bool tells() const override { return true; }
};

}  // namespace hfreduce::perf
