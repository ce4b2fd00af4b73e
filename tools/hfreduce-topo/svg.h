// A page of SVG that grows downwards.
#pragma once

#include <string>
#include <string_view>

#include "commands.h"
#include "svg/canvas.h"

namespace hfreduce::topo {

struct Point {
  double x = 0, y = 0;
};

struct Box {
  double x = 0, y = 0, width = 0, height = 0;
};

class Page {
 public:
  static constexpr double kWidth = 1200;

  void rectangle(const Box& box, std::string_view style_class);
  void text(Point at, std::string_view style_class, std::string_view what);
  void circle(Point centre, double radius, std::string_view style_class);
  // An arrow whose middle is drawn towards `bend`.
  void arrow(Point from, Point to, Point bend);
  // What the pointer sees over the element that comes next.
  void hint(std::string_view what);

  std::string finish(double height) const;

 private:
  void element(std::string_view name, svg::Attributes attributes);
  svg::Canvas canvas_;
  std::string hint_;
};

// Each draws at the height that it is given and returns where it ended.
double draw_machine(const Findings& findings, double top, Page* page);
double draw_plan(const Plan& plan, double top, Page* page);

}  // namespace hfreduce::topo
