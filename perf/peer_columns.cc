#include "peer_columns.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "sizes.h"

namespace hfreduce::perf {
namespace {

std::string pair_of(const PeerFigure& peer, const std::string& left, const std::string& right) {
  return fmt::format(" {:>{}} {:>7}", left, std::max<std::size_t>(10, peer.library.size()), right);
}

// The ratios to one library, over all lines.
struct Ratios {
  double logs = 0;
  int known = 0;
  double least = 0;
  const Line* least_at = nullptr;

  void add(const Line& line, double ratio) {
    logs += std::log(ratio);
    ++known;
    if (least_at != nullptr && least <= ratio) return;
    least = ratio;
    least_at = &line;
  }
};

}  // namespace

std::string figure(double value) {
  if (value >= 10000) return fmt::format("{:.0f}", value);
  return value >= 100 ? fmt::format("{:.1f}", value) : fmt::format("{:.2f}", value);
}

double times_as_fast(const Line& line, const PeerFigure& peer) {
  return peer.known && line.time.median > 0 ? peer.time.median / line.time.median : 0;
}

std::string peer_titles(const Line& line) {
  std::string cells;
  for (const PeerFigure& peer : line.peers) cells += pair_of(peer, peer.library, "ours is");
  return cells;
}

std::string peer_units(const Line& line) {
  std::string cells;
  for (const PeerFigure& peer : line.peers) cells += pair_of(peer, "(us)", "(x)");
  return cells;
}

std::string peer_cells(const Line& line) {
  std::string cells;
  for (const PeerFigure& peer : line.peers) {
    const double ratio = times_as_fast(line, peer);
    cells += pair_of(peer, peer.known ? figure(peer.time.median) : "-",
                     ratio > 0 ? fmt::format("{:.2f}x", ratio) : "-");
  }
  return cells;
}

std::string peer_summary(const std::vector<Line>& lines) {
  std::string text;
  for (std::size_t p = 0; !lines.empty() && p < lines[0].peers.size(); ++p) {
    Ratios ratios;
    for (const Line& line : lines) {
      const double ratio = times_as_fast(line, line.peers[p]);
      if (ratio > 0) ratios.add(line, ratio);
    }
    const std::string& library = lines[0].peers[p].library;
    if (ratios.known == 0) {
      text += fmt::format("# Beside {}: nothing could be compared\n", library);
      continue;
    }
    text += fmt::format(
        "# Beside {}: {:.2f} times as fast, in the geometric mean of {} case{}; least {:.2f} ({} "
        "of {}, {})\n",
        library, std::exp(ratios.logs / ratios.known), ratios.known, ratios.known == 1 ? "" : "s",
        ratios.least, name_of(ratios.least_at->collective), show_size(ratios.least_at->bytes),
        name_of(ratios.least_at->place));
  }
  return text;
}

}  // namespace hfreduce::perf
