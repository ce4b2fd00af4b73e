#include "records.h"

#include <fmt/format.h>

#include <cstdlib>

#include "peer_columns.h"

namespace hfreduce::perf {

double rounded(double value) { return std::strtod(fmt::format("{:.6g}", value).c_str(), nullptr); }

namespace {

void put_times(Record& record, const Line& line) {
  record["median_us"] = rounded(line.time.median);
  record["p99_us"] = rounded(line.time.p99);
  record["min_us"] = rounded(line.time.min);
  const bool sure = line.time.high > 0;
  record["median_low_us"] = sure ? Record(rounded(line.time.low)) : Record(nullptr);
  record["median_high_us"] = sure ? Record(rounded(line.time.high)) : Record(nullptr);
  record["algbw_GBps"] = rounded(line.algbw());
  record["busbw_GBps"] = rounded(line.busbw());
  record["rounds"] = line.rounds;
  record["rounds_kept"] = line.rounds_kept;
  record["preempted"] = line.preempted;
  record["noisy"] = line.noisy;
  const bool limited = line.limit_us > 0;
  record["limit_us"] = limited ? Record(rounded(line.limit_us)) : Record(nullptr);
  record["percent_of_limit"] = limited ? Record(rounded(line.percent_of_limit())) : Record(nullptr);
  record["limit_by"] = limited ? Record(line.limit_by) : Record(nullptr);
  const bool staged = line.staged_us > 0;
  record["staged_limit_us"] = staged ? Record(rounded(line.staged_us)) : Record(nullptr);
  record["percent_of_staged_limit"] =
      staged ? Record(rounded(line.percent_of_staged())) : Record(nullptr);
}

Record record_of(const Line& line, const char* library) {
  Record record;
  record["library"] = library;
  put_case(record, line);
  put_times(record, line);
  record["algorithm"] = line.algorithm;
  record["wrong"] = line.checked ? Record(line.wrong) : Record(nullptr);
  record["hfreduce_times_as_fast"] = nullptr;
  const bool compared = line.against.was_us > 0;
  record["baseline_us"] = compared ? Record(rounded(line.against.was_us)) : Record(nullptr);
  record["regressed"] =
      compared ? Record(line.against.verdict == Against::Verdict::kSlower) : Record(nullptr);
  return record;
}

Record record_of(const Line& ours, const PeerFigure& peer) {
  Line theirs = ours;
  theirs.time = peer.time;
  theirs.against = {};
  Record record = record_of(theirs, peer.library.c_str());
  record["algorithm"] = peer.setting.empty() ? Record(nullptr) : Record(peer.setting);
  record["wrong"] = nullptr;  // its adapter checks
  const double ratio = times_as_fast(ours, peer);
  if (ratio > 0) record["hfreduce_times_as_fast"] = rounded(ratio);
  return record;
}

}  // namespace

void put_case(Record& record, const Line& line) {
  record["collective"] = name_of(line.collective);
  record["type"] = line.type->name;
  record["op"] = line.op != nullptr ? Record(line.op->name) : Record(nullptr);
  record["root"] = line.root >= 0 ? Record(line.root) : Record(nullptr);
  record["ranks"] = line.ranks;
  record["hosts"] = line.hosts;
  record["bytes"] = line.bytes;
  record["place"] = name_of(line.place);
}

std::vector<Record> records_of(const std::vector<Line>& lines) {
  std::vector<Record> records;
  for (const Line& line : lines) {
    records.push_back(record_of(line, "hfreduce"));
    for (const PeerFigure& peer : line.peers) {
      if (peer.known) records.push_back(record_of(line, peer));
    }
  }
  return records;
}

}  // namespace hfreduce::perf
