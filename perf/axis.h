// A logarithmic axis.
#pragma once

#include <vector>

namespace hfreduce::perf {

// From values to places on paper.
class LogAxis {
 public:
  // `from` and `to`: the places of the least and the greatest value, which are above 0; both are
  // moved outwards to powers of `base`, so that one value alone has room as well.
  LogAxis(double least, double greatest, double base, double from, double to);
  double at(double value) const;
  // Powers of the base, at most `most` of them, evenly spread.
  std::vector<double> ticks(int most) const;

 private:
  double base_, from_, to_;
  int low_, high_;  // exponents
};

}  // namespace hfreduce::perf
