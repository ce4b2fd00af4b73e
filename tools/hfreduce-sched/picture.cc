#include "picture.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

#include "schedule/printer.h"
#include "svg/canvas.h"

namespace hfreduce::sched {
namespace {

using schedule::Op;
using schedule::Step;

constexpr double kLeft = 190, kPlot = 1150, kRight = 30;  // pixels, from left to right
constexpr double kRow = 14, kGap = 8;                     // a lane's row; between ranks

constexpr const char* kStyle = R"(
text { font: 12px sans-serif; fill: #222 }
.title { font-size: 17px; font-weight: bold }
.small { font-size: 9px; fill: #666 }
.middle { font-size: 9px; fill: #666; text-anchor: middle }
.end { font-size: 9px; fill: #666; text-anchor: end }
.amount { font-size: 10px; fill: #222; text-anchor: middle }
.band { fill: #f4f4f4 } .other { fill: #eaeef4 }
.tick { stroke: #ccc; stroke-width: 0.5 }
.reduce { fill: #4c78a8 } .complete { fill: #274b78 } .copy { fill: #72b7b2 } .put { fill: #f58518 }
.signal { fill: #888 } .wait { fill: none; stroke: #bbb; stroke-dasharray: 2 2 }
.box.critical { stroke: #d62728; stroke-width: 2 }
.arrow { stroke: #777; stroke-width: 0.7; fill: none; marker-end: url(#head) }
.posted { stroke: #f58518; stroke-width: 1 } .credit { stroke-dasharray: 3 3; opacity: 0.5 }
.arrow.critical { stroke: #d62728; stroke-width: 2; opacity: 1; marker-end: url(#redhead) }
.mapped-link { fill: #4c78a8 } .posted-link { fill: #f58518 } .cell { stroke: #fff }
)";

constexpr const char* kArrowHeads = R"(
<marker id="head" markerWidth="6" markerHeight="6" refX="5" refY="3" orient="auto" markerUnits="userSpaceOnUse">
<path d="M0,0 L6,3 L0,6 z" fill="#777"/></marker>
<marker id="redhead" markerWidth="9" markerHeight="9" refX="8" refY="4.5" orient="auto" markerUnits="userSpaceOnUse">
<path d="M0,0 L9,4.5 L0,9 z" fill="#d62728"/></marker>
)";

class Picture {
 public:
  Picture(const Run& run, const Timeline& timeline)
      : run_(run), time_(timeline), scale_(timeline.length > 0 ? kPlot / timeline.length : 1) {}

  std::string draw(const Captions& captions) {
    double y = captions_at(30, captions);
    y = legend_at(y + 8);
    y = axis_and_bands_at(y + 24);
    for (const Box& box : time_.boxes) draw_box(box);
    // What is critical lies on top.
    for (const bool critical : {false, true})
      for (const Arrow& arrow : time_.arrows)
        if (arrow.critical == critical) draw_arrow(arrow);
    y = links_at(y + 40);
    return canvas_.document({kLeft + kPlot + kRight, y + 20, captions.title, kStyle, kArrowHeads});
  }

 private:
  void text(double x, double y, const char* kind, const std::string& words) {
    canvas_.text(x, y, {{"class", kind}}, words);
  }

  double captions_at(double y, const Captions& captions) {
    text(20, y, "title", captions.title);
    for (const std::string& line : captions.lines) text(20, y += 18, "caption", line);
    return y;
  }

  double legend_at(double y) {
    double x = 20;
    for (const auto& [kind, words] : {std::pair{"reduce", "reduce"},
                                      {"complete", "reduce to the result"},
                                      {"copy", "copy"},
                                      {"put", "put (into a peer's window)"},
                                      {"signal", "signal"},
                                      {"wait", "wait"}}) {
      canvas_.element("rect", {{"x", x}, {"y", y}, {"width", 14}, {"height", 10}, {"class", kind}});
      text(x + 18, y + 9, "small", words);
      x += 40 + 5 * static_cast<double>(std::string_view(words).size());
    }
    text(x, y + 9, "small",
         run_.placement->hosts() > 1
             ? "arrows: orange between hosts, grey inside one, dashed: a slot is free; red: "
               "critical path"
             : "arrows: grey: a signal, dashed: a slot is free; red: critical path");
    return y + 10;
  }

  // Where each lane's row is, and behind them the time.
  double axis_and_bands_at(double top) {
    double y = top;
    for (const auto& schedule : *run_.schedules) {
      const auto lanes = static_cast<double>(std::max<std::size_t>(schedule.lanes.size(), 1));
      const std::int32_t host = run_.placement->host_of(schedule.rank);
      canvas_.begin_group({{"class", "rank"}, {"id", fmt::format("rank-{}", schedule.rank)}});
      canvas_.element("rect", {{"x", 20},
                               {"y", y},
                               {"width", kLeft + kPlot - 20},
                               {"height", lanes * kRow},
                               {"class", host % 2 == 0 ? "band" : "band other"}});
      text(24, y + 11, "label", fmt::format("rank {}", schedule.rank));
      if (run_.placement->hosts() > 1) text(72, y + 11, "small", fmt::format("host {}", host));
      rows_.emplace_back();
      for (std::size_t lane = 0; lane < schedule.lanes.size(); ++lane, y += kRow) {
        rows_.back().push_back(y);
        text(112, y + 10, "small", schedule.lanes[lane].name);
      }
      if (schedule.lanes.empty()) y += kRow;
      canvas_.end_group();
      y += kGap;
    }
    ticks(top - 6, y - kGap);
    return y;
  }

  void ticks(double top, double bottom) {
    if (time_.length <= 0) return;
    const double rough = time_.length / 10;
    const double power = std::pow(10, std::floor(std::log10(rough)));
    const double step = power * (rough / power < 2 ? 2 : rough / power < 5 ? 5 : 10);
    for (int i = 0; i * step <= time_.length * 1.0001; ++i) {
      const double at = x(i * step);
      canvas_.element("line",
                      {{"x1", at}, {"y1", top}, {"x2", at}, {"y2", bottom}, {"class", "tick"}});
      text(at + 2, top, "small", time_text(i * step));
    }
  }

  double x(double ns) const { return kLeft + ns * scale_; }
  double row(const Box& box) const {
    return rows_[static_cast<std::size_t>(box.rank)][static_cast<std::size_t>(box.lane)];
  }
  const Box& box_of(std::int32_t number) const {
    return time_.boxes[static_cast<std::size_t>(number)];
  }
  const schedule::Schedule& schedule_of(const Box& box) const {
    return (*run_.schedules)[static_cast<std::size_t>(box.rank)];
  }

  static const char* kind_of(const Step& step, bool waits) {
    if (waits) return "wait";
    if (step.op == Op::kPut) return "put";
    if (step.op == Op::kSignal) return "signal";
    return step.sources.count == 1 ? "copy" : step.final ? "complete" : "reduce";
  }

  void draw_box(const Box& box) {
    const auto& schedule = schedule_of(box);
    const Step& step = schedule.lanes[static_cast<std::size_t>(box.lane)].steps[box.step];
    const bool waits = box.waits;
    const double width = (box.end - box.begin) * scale_;
    if (waits && width < 1) return;
    const double height = waits ? 4 : kRow - 4;
    const std::string what =
        fmt::format("rank {}, segment {}, k {}: {}\n{} to {}{}", box.rank, box.segment, box.k,
                    schedule::to_text(schedule, step), time_text(box.begin), time_text(box.end),
                    box.bytes > 0 ? ", " + bytes_text(box.bytes) : "");
    canvas_.element("rect",
                    {{"x", x(box.begin)},
                     {"y", row(box) + (kRow - height) / 2},
                     {"width", std::max(width, 0.8)},
                     {"height", height},
                     {"class", fmt::format("box {}{}", kind_of(step, waits),
                                           box.critical && !waits ? " critical" : "")}},
                    what);
  }

  void draw_arrow(const Arrow& arrow) {
    const Box &from = box_of(arrow.from), &to = box_of(arrow.to);
    canvas_.element(
        "path",
        {{"d", fmt::format("M{:.2f},{:.1f} L{:.2f},{:.1f}", x(from.end), row(from) + kRow / 2,
                           x(arrow.arrives), row(to) + kRow / 2)},
         {"class", fmt::format("arrow{}{}{}", arrow.posted ? " posted" : "",
                               arrow.credit ? " credit" : "", arrow.critical ? " critical" : "")}});
  }

  // The matrix of what went from which rank to which.
  double links_at(double y) {
    const std::int32_t ranks = run_.placement->ranks();
    const double cell = std::clamp(700.0 / ranks, 8.0, 52.0);
    double most = 0, all = 0, posted = 0;
    for (const auto& [link, bytes] : time_.bytes) {
      most = std::max(most, bytes);
      all += bytes;
      if (!run_.placement->mapped(link.first, link.second)) posted += bytes;
    }
    text(20, y, "label",
         fmt::format("Bytes a link, from the rank of a row to that of a column: {} in all{}",
                     bytes_text(all),
                     run_.placement->hosts() > 1
                         ? fmt::format(", {} of them between hosts (orange)", bytes_text(posted))
                         : ""));
    y += 26;
    for (std::int32_t rank = 0; rank < ranks && cell >= 14; ++rank) {
      text(kLeft + rank * cell + cell / 2, y - 5, "middle", fmt::to_string(rank));
      text(kLeft - 8, y + rank * cell + cell / 2 + 3, "end", fmt::format("rank {}", rank));
    }
    for (const auto& [link, bytes] : time_.bytes) {
      const double left = kLeft + link.second * cell, top = y + link.first * cell;
      const bool mapped = run_.placement->mapped(link.first, link.second);
      canvas_.element(
          "rect",
          {{"x", left},
           {"y", top},
           {"width", cell},
           {"height", cell},
           {"fill-opacity", most > 0 ? 0.15 + 0.6 * bytes / most : 0.15},
           {"class", mapped ? "cell mapped-link" : "cell posted-link"}},
          fmt::format("rank {} to rank {}: {}", link.first, link.second, bytes_text(bytes)));
      if (cell >= 46) text(left + cell / 2, top + cell / 2 + 4, "amount", bytes_text(bytes));
    }
    return y + ranks * cell;
  }

  const Run& run_;
  const Timeline& time_;
  double scale_;
  svg::Canvas canvas_;
  std::vector<std::vector<double>> rows_;  // by rank and lane: the row's upper edge
};

}  // namespace

std::string bytes_text(double bytes) {
  const char* unit = "B";
  for (const char* larger : {"KiB", "MiB", "GiB", "TiB", "PiB"}) {
    if (bytes < 1024) break;
    bytes /= 1024;
    unit = larger;
  }
  return fmt::format("{:.4g} {}", bytes, unit);
}

std::string time_text(double ns) {
  if (ns <= 0) return "0";
  if (ns < 1000) return fmt::format("{:.4g} ns", ns);
  if (ns < 1e6) return fmt::format("{:.4g} us", ns / 1e3);
  return ns < 1e9 ? fmt::format("{:.4g} ms", ns / 1e6) : fmt::format("{:.4g} s", ns / 1e9);
}

std::string picture(const Run& run, const Timeline& timeline, const Captions& captions) {
  return Picture(run, timeline).draw(captions);
}

}  // namespace hfreduce::sched
