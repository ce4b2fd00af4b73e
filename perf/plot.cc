#include "plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <limits>

#include "axis.h"
#include "failure.h"
#include "sizes.h"
#include "svg.h"

namespace hfreduce::perf {
namespace {

constexpr double kWidth = 460, kHeight = 300;  // of a picture
constexpr double kLeft = 70, kRight = 20, kTop = 60, kBottom = 50, kHead = 40, kLegend = 24;
constexpr const char* kColors[] = {"#0b5fa5", "#c8381c", "#2e8b3d", "#8a4fbf",
                                   "#d08a00", "#00868b", "#a0527a", "#5c5c5c"};

struct Point {
  double bytes, us, busbw;
};
struct Curve {
  std::string name;
  const char* color = "";
  bool limit = false;
  std::vector<Point> points;
};
// Everything that shares a pair of pictures.
struct Group {
  std::string title;
  std::vector<const Line*> lines;
};

std::string title_of(const Line& line) {
  std::string title = fmt::format("{} of {}", name_of(line.collective), line.type->name);
  if (line.op != nullptr) title += fmt::format(", {}", line.op->name);
  if (line.root >= 0) title += fmt::format(", root {}", line.root);
  return title + (line.place == Placing::kIn ? ", in place" : ", out of place");
}

std::vector<Group> groups_of(const std::vector<Line>& lines) {
  std::vector<Group> groups;
  for (const Line& line : lines) {
    if (line.bytes == 0 || !(line.time.median > 0)) continue;  // has no place on such axes
    const std::string title = title_of(line);
    auto group = std::find_if(groups.begin(), groups.end(),
                              [&](const Group& g) { return g.title == title; });
    if (group == groups.end()) group = groups.insert(groups.end(), Group{title, {}});
    group->lines.push_back(&line);
  }
  return groups;
}

void add_point(Curve& curve, const Line& line, double us) {
  if (!(us > 0)) return;
  const double algbw = algorithm_bandwidth(line.bytes, us);
  curve.points.push_back(
      {static_cast<double>(line.bytes), us, bus_bandwidth(line.collective, line.ranks, algbw)});
}

std::vector<Curve> curves_of(const Group& group) {
  std::vector<Curve> curves(1);
  curves[0] = {"hfreduce", kColors[0], false, {}};
  const Line& first = *group.lines[0];
  for (std::size_t p = 0; p < first.peers.size(); ++p) {
    curves.push_back({first.peers[p].library, kColors[(p + 1) % std::size(kColors)], false, {}});
  }
  curves.push_back({"limit", "#888888", true, {}});
  curves.push_back({"limit of staged buffers", "#c09a5b", true, {}});
  for (const Line* line : group.lines) {
    add_point(curves.front(), *line, line->time.median);
    for (std::size_t p = 0; p < line->peers.size(); ++p) {
      if (line->peers[p].known) add_point(curves[p + 1], *line, line->peers[p].time.median);
    }
    add_point(*std::prev(curves.end(), 2), *line, line->limit_us);
    add_point(curves.back(), *line, line->staged_us);
  }
  return curves;
}

struct Picture {
  const char* title;
  std::function<std::string(double)> tick;
  std::function<double(const Point&)> value;
};

// Powers of ten in the unit in which people say them: 100 ns, 10 us, 1 ms.
std::string in_units(double value, std::initializer_list<const char*> units) {
  const char* unit = *units.begin();
  for (const char* larger : units) {
    unit = larger;
    if (value < 1000 * (1 - 1e-9) || larger == *std::prev(units.end())) break;
    value /= 1000;
  }
  return fmt::format("{:g} {}", value, unit);
}
std::string time_tick(double us) { return in_units(us * 1e3, {"ns", "us", "ms", "s"}); }
std::string bandwidth_tick(double gb) {
  return in_units(gb * 1e9, {"B/s", "kB/s", "MB/s", "GB/s", "TB/s"});
}

// One picture, with its upper left corner at x, y.
void draw(Svg& svg, const Picture& picture, const std::vector<Curve>& curves, double x, double y) {
  double least_x = std::numeric_limits<double>::max(), most_x = 0, least_y = least_x, most_y = 0;
  for (const Curve& curve : curves) {
    for (const Point& point : curve.points) {
      const double value = picture.value(point);
      least_x = std::min(least_x, point.bytes);
      most_x = std::max(most_x, point.bytes);
      if (!(value > 0)) continue;  // the bus of one rank carries nothing
      least_y = std::min(least_y, value);
      most_y = std::max(most_y, value);
    }
  }
  svg.text(x + kWidth / 2, y - 8, picture.title, Svg::Anchor::kMiddle);
  svg.rectangle(x, y, kWidth, kHeight);
  if (most_y <= 0)
    return svg.text(x + kWidth / 2, y + kHeight / 2, "nothing", Svg::Anchor::kMiddle);
  const LogAxis across(least_x, most_x, 2, x, x + kWidth);
  const LogAxis up(least_y, most_y, 10, y + kHeight, y);
  for (const double tick : across.ticks(9)) {
    svg.line(across.at(tick), y, across.at(tick), y + kHeight, "#e4e4e4");
    const std::string size =
        tick < 1 ? fmt::format("{:g}", tick) : show_size(static_cast<std::uint64_t>(tick));
    svg.text(across.at(tick), y + kHeight + 16, size, Svg::Anchor::kMiddle, 10);
  }
  for (const double tick : up.ticks(8)) {
    svg.line(x, up.at(tick), x + kWidth, up.at(tick), "#e4e4e4");
    svg.text(x - 5, up.at(tick) + 4, picture.tick(tick), Svg::Anchor::kRight, 10);
  }
  for (const Curve& curve : curves) {
    Svg::Points points;
    for (const Point& point : curve.points) {
      const double value = picture.value(point);
      if (value > 0) points.emplace_back(across.at(point.bytes), up.at(value));
    }
    if (!points.empty()) svg.curve(points, curve.color, curve.limit, curve.name);
  }
}

void draw_legend(Svg& svg, const std::vector<Curve>& curves, double x, double y) {
  for (const Curve& curve : curves) {
    if (curve.points.empty()) continue;
    svg.line(x, y - 4, x + 24, y - 4, curve.color, curve.limit);
    svg.text(x + 30, y, curve.name, Svg::Anchor::kLeft, 11);
    x += 50 + 7 * static_cast<double>(curve.name.size());
  }
}

}  // namespace

std::string plot_svg(const Facts& facts, const std::vector<Line>& lines) {
  const std::vector<Group> groups = groups_of(lines);
  if (groups.empty()) {
    throw Failure("--plot: there is nothing to draw: no case has both bytes and a time");
  }
  const Picture pictures[] = {
      {"time of a call", time_tick, [](const Point& p) { return p.us; }},
      {"bus bandwidth", bandwidth_tick, [](const Point& p) { return p.busbw; }},
  };
  const double row = kTop + kLegend + kHeight + kBottom;
  const double column = kLeft + kWidth + kRight;
  Svg svg(2 * column, kHead + row * static_cast<double>(groups.size()));
  svg.text(kLeft, 26,
           fmt::format("hfreduce {}: {} ranks on {} host{}, {} cores here; medians",
                       facts.library_version, facts.ranks, facts.hosts, facts.hosts == 1 ? "" : "s",
                       facts.cores),
           Svg::Anchor::kLeft, 14);
  double y = kHead;
  for (const Group& group : groups) {
    const std::vector<Curve> curves = curves_of(group);
    svg.text(kLeft, y + 14, group.title, Svg::Anchor::kLeft, 14);
    draw_legend(svg, curves, kLeft, y + 36);
    for (int p = 0; p < 2; ++p)
      draw(svg, pictures[p], curves, kLeft + p * column, y + kTop + kLegend);
    y += row;
  }
  return svg.whole();
}

}  // namespace hfreduce::perf
