#include "svg.h"

#include <fmt/format.h>

namespace hfreduce::perf {
namespace {

const char* dashes(bool dashed) { return dashed ? "6 4" : ""; }

}  // namespace

void Svg::rectangle(double x, double y, double width, double height) {
  canvas_.element("rect", {{"x", x},
                           {"y", y},
                           {"width", width},
                           {"height", height},
                           {"fill", "none"},
                           {"stroke", "#444"}});
}

void Svg::line(double x1, double y1, double x2, double y2, std::string_view color, bool dashed) {
  canvas_.element("line", {{"x1", x1},
                           {"y1", y1},
                           {"x2", x2},
                           {"y2", y2},
                           {"stroke", color},
                           {"stroke-dasharray", dashes(dashed)}});
}

void Svg::curve(const Points& points, std::string_view color, bool dashed, std::string_view title) {
  std::string way;
  for (const auto& [x, y] : points) {
    way += fmt::format("{}{:.1f},{:.1f}", way.empty() ? "" : " ", x, y);
  }
  canvas_.begin_group({{"fill", color}, {"stroke", "none"}}, title);
  canvas_.element("polyline", {{"points", way},
                               {"fill", "none"},
                               {"stroke", color},
                               {"stroke-width", 1.8},
                               {"stroke-dasharray", dashes(dashed)}});
  for (const auto& [x, y] : points) {
    if (!dashed) canvas_.element("circle", {{"cx", x}, {"cy", y}, {"r", 2.5}});
  }
  canvas_.end_group();
}

void Svg::text(double x, double y, std::string_view words, Anchor anchor, int size, double turned) {
  const char* anchors[] = {"start", "middle", "end"};
  canvas_.text(
      x, y,
      {{"font-size", size},
       {"text-anchor", anchors[static_cast<int>(anchor)]},
       {"transform", turned != 0 ? fmt::format("rotate({} {:.1f} {:.1f})", turned, x, y) : ""}},
      words);
}

std::string Svg::whole() const {
  return canvas_.document({width_, height_, "", "text{font-family:sans-serif}", ""});
}

}  // namespace hfreduce::perf
