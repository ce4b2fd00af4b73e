// What plots are made of.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "svg/canvas.h"

namespace hfreduce::perf {

class Svg {
 public:
  enum class Anchor { kLeft, kMiddle, kRight };
  using Points = std::vector<std::pair<double, double>>;

  Svg(double width, double height) : width_(width), height_(height) {}
  void rectangle(double x, double y, double width, double height);
  void line(double x1, double y1, double x2, double y2, std::string_view color,
            bool dashed = false);
  // Through all points, with a dot at each; `title`: what a browser shows above it.
  void curve(const Points& points, std::string_view color, bool dashed, std::string_view title);
  void text(double x, double y, std::string_view words, Anchor anchor = Anchor::kLeft,
            int size = 12, double turned = 0);
  // The whole document.
  std::string whole() const;

 private:
  double width_, height_;
  svg::Canvas canvas_;
};

}  // namespace hfreduce::perf
