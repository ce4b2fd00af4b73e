#include "axis.h"

#include <algorithm>
#include <cmath>

namespace hfreduce::perf {

LogAxis::LogAxis(double least, double greatest, double base, double from, double to)
    : base_(base), from_(from), to_(to) {
  // A little slack, so that 1000 is 10 to the 3 and not to the 2.9999.
  low_ = static_cast<int>(std::floor(std::log(least) / std::log(base) + 1e-9));
  high_ = static_cast<int>(std::ceil(std::log(greatest) / std::log(base) - 1e-9));
  if (high_ <= low_) high_ = low_ + 1;
}

double LogAxis::at(double value) const {
  const double exponent = std::log(value) / std::log(base_);
  return from_ + (to_ - from_) * (exponent - low_) / (high_ - low_);
}

std::vector<double> LogAxis::ticks(int most) const {
  const int step = std::max(1, (high_ - low_ + most - 1) / most);
  std::vector<double> values;
  for (int exponent = low_; exponent <= high_; exponent += step) {
    values.push_back(std::pow(base_, exponent));
  }
  return values;
}

}  // namespace hfreduce::perf
