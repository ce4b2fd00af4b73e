// The columns of other libraries in the table, and what they come to.
#pragma once

#include <string>
#include <vector>

#include "report.h"

namespace hfreduce::perf {

// "0.31", "123.4", "12345": as a table shows microseconds and GB/s.
std::string figure(double value);

// How many times as fast as `peer` ours is; 0: not known.
double times_as_fast(const Line& line, const PeerFigure& peer);

// Cells of one row, a time and a ratio for each library.
std::string peer_titles(const Line& line);
std::string peer_units(const Line& line);
std::string peer_cells(const Line& line);
// A line for each library: the geometric mean of the ratios, and where it was least.
std::string peer_summary(const std::vector<Line>& lines);

}  // namespace hfreduce::perf
