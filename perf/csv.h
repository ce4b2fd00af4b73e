// The results as comma-separated values: a row for each record, with the names of the fields first.
#pragma once

#include <string>
#include <vector>

#include "report.h"

namespace hfreduce::perf {

// What is not known is an empty cell.
std::string csv_text(const std::vector<Line>& lines);

}  // namespace hfreduce::perf
