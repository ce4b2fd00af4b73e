// The results one by one, for programs: as JSON objects that all have the same fields.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "report.h"

namespace hfreduce::perf {

using Record = nlohmann::ordered_json;

// As much of a measurement as means something: six digits, so that 0.43 is not 0.42999999999999994.
double rounded(double value);
// Which case it is: collective, type, op, root, ranks, hosts, bytes, place.
void put_case(Record& record, const Line& line);
// For each line ours, then each other library that has a figure; `library` says whose it is.
std::vector<Record> records_of(const std::vector<Line>& lines);

}  // namespace hfreduce::perf
