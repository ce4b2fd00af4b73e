#include "overlap.h"

#include <fmt/format.h>

#include <algorithm>

#include "peer_columns.h"

namespace hfreduce::perf {
namespace {

std::string of_progress(const Cores& cores) {
  if (cores.spare() >= cores.processes) return "each progress thread has a core of its own";
  if (cores.spare() > 0) {
    return fmt::format("{} progress threads share {} spare core{} and those of the computation",
                       cores.processes, cores.spare(), cores.spare() == 1 ? "" : "s");
  }
  return "none is spare, so a progress thread takes its turns from the computation, and no more "
         "than waiting can hide";
}

const char* const kRow =
    "{} {:>11} {:>12} {:>9} {:>5} {:>5} {:>5} {:>11} {:>10} {:>10} {:>8} {:>7}  {}\n";

}  // namespace

double OverlapLine::hidden_percent() const {
  const double shorter = std::min(computation.median, collective.median);
  return shorter > 0 ? 100 * hidden_us() / shorter : 0;
}

std::string overlap_head(const Cores& cores) {
  return fmt::format(
      "# overlap: a computation beside a request, about as long; hidden = (computation + "
      "collective - both) / the shorter of the two\n"
      "# cores: {} rank{} on {} core{} of this machine: {}\n",
      cores.ranks, cores.ranks == 1 ? "" : "s", cores.cores, cores.cores == 1 ? "" : "s",
      of_progress(cores));
}

std::string overlap_titles() {
  const std::string titles =
      fmt::format(fmt::runtime(kRow), "#", "size", "count", "type", "op", "root", "place",
                  "computation", "collective", "both", "hidden", "#wrong", "algorithm");
  return titles + fmt::format(fmt::runtime(kRow), "#", "(B)", "(elements)", "", "", "", "", "(us)",
                              "(us)", "(us)", "(%)", "", "");
}

std::string overlap_row(const OverlapLine& line) {
  const Line& about = line.about;
  return fmt::format(fmt::runtime(kRow), " ", about.bytes, about.bytes / about.type->size,
                     about.type->name, about.op != nullptr ? about.op->name : "none", about.root,
                     name_of(about.place), figure(line.computation.median),
                     figure(line.collective.median), figure(line.both.median),
                     fmt::format("{:.0f}", line.hidden_percent()),
                     about.checked ? fmt::format("{}", about.wrong) : "N/A", about.algorithm);
}

std::string overlap_foot(const std::vector<OverlapLine>& lines) {
  std::uint64_t wrong = 0;
  double hidden = 0, shorter = 0;
  bool checked = true;
  for (const OverlapLine& line : lines) {
    wrong += line.about.wrong;
    checked = checked && line.about.checked;
    hidden += rounded(line.hidden_us());
    shorter += std::min(line.computation.median, line.collective.median);
  }
  return fmt::format("# Wrong elements    : {} {}\n# Hidden, of all    : {:.0f} %\n", wrong,
                     !checked     ? "not checked"
                     : wrong == 0 ? "OK"
                                  : "FAILED",
                     shorter > 0 ? 100 * hidden / shorter : 0);
}

std::vector<Record> overlap_records(const Cores& cores, const std::vector<OverlapLine>& lines) {
  std::vector<Record> records;
  for (const OverlapLine& line : lines) {
    Record& record = records.emplace_back();
    put_case(record, line.about);
    record["computation_us"] = rounded(line.computation.median);
    record["collective_us"] = rounded(line.collective.median);
    record["both_us"] = rounded(line.both.median);
    const bool sure = line.both.high > 0;
    record["both_low_us"] = sure ? Record(rounded(line.both.low)) : Record(nullptr);
    record["both_high_us"] = sure ? Record(rounded(line.both.high)) : Record(nullptr);
    record["hidden_us"] = rounded(line.hidden_us());
    record["hidden_percent"] = rounded(line.hidden_percent());
    record["cores"] = cores.cores;
    record["ranks_on_machine"] = cores.ranks;
    record["spare_cores"] = cores.spare();
    record["rounds"] = line.about.rounds;
    record["rounds_kept"] = line.about.rounds_kept;
    record["noisy"] = line.about.noisy;
    record["algorithm"] = line.about.algorithm;
    record["wrong"] = line.about.checked ? Record(line.about.wrong) : Record(nullptr);
  }
  return records;
}

}  // namespace hfreduce::perf
