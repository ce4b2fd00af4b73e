// The results as comma-separated values: a row for each record, with the names of the fields first.
#pragma once

#include <string>
#include <vector>

#include "records.h"

namespace hfreduce::perf {

// What is not known is an empty cell.
std::string csv_text(const std::vector<Record>& records);

}  // namespace hfreduce::perf
