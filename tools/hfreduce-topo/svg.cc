#include "svg.h"

#include <fmt/core.h>

#include "topology/probe.h"

namespace hfreduce::topo {
namespace {

constexpr const char* kStyle =
    "text{font:12px sans-serif;fill:#1a1a1a}.title{font:bold 16px sans-serif}.small{font-size:10px}"
    ".faint{font-size:10px;fill:#666}.middle{font-size:10px;text-anchor:middle}"
    ".page{fill:#fff}.package{fill:#f3f1ea;stroke:#8a8471}.node{fill:#fff;stroke:#b5ae97}"
    ".cache{fill:#e6eef7;stroke:#9db8d6}.core{fill:#5b8bc0}.forbidden{fill:#d5d5d5}"
    ".gpu{fill:#dcefd8;stroke:#5f9a52}.nic{fill:#fbe6cf;stroke:#c98a3c}.disk{fill:#eee;stroke:#aaa}"
    ".switch{fill:none;stroke:#777;stroke-dasharray:4 3}.host{fill:#f3f1ea;stroke:#8a8471}"
    ".panel{fill:#fff;stroke:#ccc}.rank{fill:#fff;stroke:#333}"
    ".way{fill:none;stroke:#2c6fb3;stroke-width:1.3;marker-end:url(#head)}";

std::string escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '&')
      out += "&amp;";
    else if (c == '"')
      out += "&quot;";
    else
      out += c >= ' ' && c <= '~' ? c : '?';
  }
  return out;
}

}  // namespace

std::string Page::close(std::string_view element) {
  const std::string end =
      hint_.empty() ? "/>\n" : fmt::format("><title>{}</title></{}>\n", escape(hint_), element);
  hint_.clear();
  return end;
}

void Page::hint(std::string_view what) { hint_ = what; }

void Page::rectangle(const Box& box, std::string_view style_class) {
  body_ +=
      fmt::format(R"(<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="3")",
                  style_class, box.x, box.y, box.width, box.height);
  body_ += close("rect");
}

void Page::text(Point at, std::string_view style_class, std::string_view what) {
  body_ += fmt::format("<text class=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>\n", style_class,
                       at.x, at.y, escape(what));
}

void Page::circle(Point centre, double radius, std::string_view style_class) {
  body_ += fmt::format(R"(<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="{:.1f}")", style_class,
                       centre.x, centre.y, radius);
  body_ += close("circle");
}

void Page::arrow(Point from, Point to, Point bend) {
  body_ += fmt::format(R"(<path class="way" d="M{:.1f} {:.1f}Q{:.1f} {:.1f} {:.1f} {:.1f}")",
                       from.x, from.y, bend.x, bend.y, to.x, to.y);
  body_ += close("path");
}

std::string Page::finish(double height) const {
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:.0f}\" height=\"{1:.0f}\" "
      "viewBox=\"0 0 {0:.0f} {1:.0f}\">\n<style>{2}</style>\n"
      "<defs><marker id=\"head\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"6\" "
      "markerHeight=\"6\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" fill=\"#2c6fb3\"/></marker>"
      "</defs>\n<rect class=\"page\" width=\"100%\" height=\"100%\"/>\n{3}</svg>\n",
      kWidth, height, kStyle, body_);
}

std::string svg_text(const Findings& findings) {
  Page page;
  double end = draw_machine(findings, 16, &page);
  if (findings.plan) end = draw_plan(*findings.plan, end + 16, &page);
  page.text({16, end + 18}, "faint", "hfreduce-topo, " + topology::prober());
  return page.finish(end + 30);
}

}  // namespace hfreduce::topo
