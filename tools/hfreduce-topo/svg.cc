#include "svg.h"

#include <fmt/core.h>

#include "topology/probe.h"

namespace hfreduce::topo {
namespace {

constexpr const char* kStyle =
    "text{font:12px sans-serif;fill:#1a1a1a}.title{font:bold 16px sans-serif}.small{font-size:10px}"
    ".faint{font-size:10px;fill:#666}.middle{font-size:10px;text-anchor:middle}"
    ".package{fill:#f3f1ea;stroke:#8a8471}.node{fill:#fff;stroke:#b5ae97}"
    ".cache{fill:#e6eef7;stroke:#9db8d6}.core{fill:#5b8bc0}.forbidden{fill:#d5d5d5}"
    ".gpu{fill:#dcefd8;stroke:#5f9a52}.nic{fill:#fbe6cf;stroke:#c98a3c}.disk{fill:#eee;stroke:#aaa}"
    ".switch{fill:none;stroke:#777;stroke-dasharray:4 3}.host{fill:#f3f1ea;stroke:#8a8471}"
    ".panel{fill:#fff;stroke:#ccc}.rank{fill:#fff;stroke:#333}"
    ".way{fill:none;stroke:#2c6fb3;stroke-width:1.3;marker-end:url(#head)}";

constexpr const char* kHead =
    "<marker id=\"head\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"6\" "
    "markerHeight=\"6\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" fill=\"#2c6fb3\"/></marker>";

}  // namespace

void Page::element(std::string_view name, svg::Attributes attributes) {
  canvas_.element(name, attributes, hint_);
  hint_.clear();
}

void Page::hint(std::string_view what) { hint_ = what; }

void Page::rectangle(const Box& box, std::string_view style_class) {
  element("rect", {{"class", style_class},
                   {"x", box.x},
                   {"y", box.y},
                   {"width", box.width},
                   {"height", box.height},
                   {"rx", 3}});
}

void Page::text(Point at, std::string_view style_class, std::string_view what) {
  canvas_.text(at.x, at.y, {{"class", style_class}}, what);
}

void Page::circle(Point centre, double radius, std::string_view style_class) {
  element("circle", {{"class", style_class}, {"cx", centre.x}, {"cy", centre.y}, {"r", radius}});
}

void Page::arrow(Point from, Point to, Point bend) {
  element("path", {{"class", "way"},
                   {"d", fmt::format("M{:.1f} {:.1f}Q{:.1f} {:.1f} {:.1f} {:.1f}", from.x, from.y,
                                     bend.x, bend.y, to.x, to.y)}});
}

std::string Page::finish(double height) const {
  return canvas_.document({kWidth, height, "", kStyle, kHead});
}

std::string svg_text(const Findings& findings) {
  Page page;
  double end = draw_machine(findings, 16, &page);
  if (findings.plan) end = draw_plan(*findings.plan, end + 16, &page);
  page.text({16, end + 18}, "faint", "hfreduce-topo, " + topology::prober());
  return page.finish(end + 30);
}

}  // namespace hfreduce::topo
