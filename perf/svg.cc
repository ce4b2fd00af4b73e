#include "svg.h"

#include <fmt/format.h>

namespace hfreduce::perf {

std::string xml_escaped(std::string_view text) {
  std::string safe;
  for (const char c : text) {
    if (c == '&') {
      safe += "&amp;";
    } else if (c == '<') {
      safe += "&lt;";
    } else if (c == '>') {
      safe += "&gt;";
    } else if (c == '"') {
      safe += "&quot;";
    } else {
      safe += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
    }
  }
  return safe;
}

void Svg::rectangle(double x, double y, double width, double height) {
  body_ += fmt::format(
      "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" fill=\"none\" "
      "stroke=\"#444\"/>\n",
      x, y, width, height);
}

void Svg::line(double x1, double y1, double x2, double y2, std::string_view color, bool dashed) {
  body_ += fmt::format(
      "<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"{}\"{}/>\n", x1, y1,
      x2, y2, color, dashed ? " stroke-dasharray=\"6 4\"" : "");
}

void Svg::curve(const Points& points, std::string_view color, bool dashed, std::string_view title) {
  std::string way, dots;
  for (const auto& [x, y] : points) {
    way += fmt::format("{}{:.1f},{:.1f}", way.empty() ? "" : " ", x, y);
    if (!dashed) dots += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"2.5\"/>", x, y);
  }
  body_ += fmt::format(
      "<g fill=\"{0}\" stroke=\"none\"><title>{1}</title><polyline points=\"{2}\" fill=\"none\" "
      "stroke=\"{0}\" stroke-width=\"1.8\"{3}/>{4}</g>\n",
      color, xml_escaped(title), way, dashed ? " stroke-dasharray=\"6 4\"" : "", dots);
}

void Svg::text(double x, double y, std::string_view words, Anchor anchor, int size, double turned) {
  const char* anchors[] = {"start", "middle", "end"};
  const std::string turn =
      turned != 0 ? fmt::format(" transform=\"rotate({} {:.1f} {:.1f})\"", turned, x, y) : "";
  body_ += fmt::format(
      "<text x=\"{:.1f}\" y=\"{:.1f}\" font-size=\"{}\" text-anchor=\"{}\"{}>{}</text>\n", x, y,
      size, anchors[static_cast<int>(anchor)], turn, xml_escaped(words));
}

std::string Svg::whole() const {
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" "
      "width=\"{0:.0f}\" height=\"{1:.0f}\" viewBox=\"0 0 {0:.0f} {1:.0f}\" "
      "font-family=\"sans-serif\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n{2}"
      "</svg>\n",
      width_, height_, body_);
}

}  // namespace hfreduce::perf
