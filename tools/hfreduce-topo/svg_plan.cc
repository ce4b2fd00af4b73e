#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "svg.h"

namespace hfreduce::topo {
namespace {

constexpr double kPanel = 286, kGap = 8, kHead = 40;

// Ranks on a circle, host after host, with a space between hosts.
class Circle {
 public:
  Circle(const Plan& plan, Point centre)
      : centre_(centre), places_(static_cast<std::size_t>(plan.ranks)) {
    const double gaps = plan.hosts > 1 ? 0.6 * plan.hosts : 0;
    const double step = 2 * std::numbers::pi / (plan.ranks + gaps);
    double angle = -std::numbers::pi / 2;
    for (const auto& members : plan.members) {
      const double first = angle;
      for (const std::int32_t rank : members) {
        places_[static_cast<std::size_t>(rank)] = at(angle, kRadius);
        angle += step;
      }
      hosts_.push_back(at((first + angle - step) / 2, kRadius + 30));
      if (plan.hosts > 1) angle += 0.6 * step;
    }
    dot_ = std::clamp(kRadius * step * 0.42, 1.5, 11.0);
  }

  Point place(std::int32_t rank) const { return places_[static_cast<std::size_t>(rank)]; }
  Point host(std::size_t host) const { return hosts_[host]; }
  Point centre() const { return centre_; }
  double dot() const { return dot_; }

 private:
  static constexpr double kRadius = 100;
  Point at(double angle, double radius) const {
    return {centre_.x + radius * std::cos(angle), centre_.y + radius * std::sin(angle)};
  }
  Point centre_;
  std::vector<Point> places_, hosts_;
  double dot_ = 0;
};

Point towards(Point from, Point to, double share) {
  return {from.x + (to.x - from.x) * share, from.y + (to.y - from.y) * share};
}

// It ends at the rim of the rank that it leads to.
void draw_way(const Circle& circle, std::int32_t from, std::int32_t to, Page* page) {
  const Point start = circle.place(from), end = circle.place(to);
  const Point bend = towards(towards(start, end, 0.5), circle.centre(), 0.25);
  const auto rim = [&](Point rank) {
    const double length = std::hypot(bend.x - rank.x, bend.y - rank.y);
    return length > 0 ? towards(rank, bend, std::min(0.5, (circle.dot() + 1) / length)) : rank;
  };
  page->hint(fmt::format("{} to {}", from, to));
  page->arrow(rim(start), rim(end), bend);
}

std::string shortened(const std::string& text, std::size_t most) {
  return text.size() <= most ? text : text.substr(0, most - 3) + "...";
}

void draw_route(const Plan& plan, const Route& route, Point corner, Page* page) {
  const auto shapes = shapes_of(route.edges);
  std::string what = to_text(shapes.front());
  if (shapes.size() > 1) what = fmt::format("{} parts, the first: {}", shapes.size(), what);
  page->hint(what);
  page->rectangle({corner.x, corner.y, kPanel, kPanel + kHead}, "panel");
  page->text({corner.x + kGap, corner.y + 16}, "", route.lane);
  page->text({corner.x + kGap, corner.y + 30}, "faint", shortened(what, 50));
  const Circle circle(plan, {corner.x + kPanel / 2, corner.y + kHead + kPanel / 2});
  for (const auto& [from, to] : route.edges) draw_way(circle, from, to, page);
  for (std::int32_t rank = 0; rank < plan.ranks; ++rank) {
    const Point at = circle.place(rank);
    page->hint(fmt::format("rank {}", rank));
    page->circle(at, circle.dot(), "rank");
    if (circle.dot() >= 7) page->text({at.x, at.y + 3.5}, "middle", std::to_string(rank));
  }
  for (std::size_t host = 0; plan.hosts > 1 && plan.hosts <= 16 && host < plan.members.size();
       ++host)
    page->text({circle.host(host).x, circle.host(host).y + 3}, "middle",
               fmt::format("host {}", host));
}

}  // namespace

double draw_plan(const Plan& plan, double top, Page* page) {
  constexpr std::size_t kColumns = 4;
  page->text({16, top + 16}, "title",
             fmt::format("{} ranks on {} host{}, {}", plan.ranks, plan.hosts,
                         plan.hosts == 1 ? "" : "s", topology::bytes_text(plan.bytes)));
  double y = top + 24;
  for (const PlannedCall& call : plan.calls) {
    page->text({16, y + 18}, "",
               fmt::format("{}: {} in segments of {} ({})", call.collective, call.algorithm,
                           topology::bytes_text(call.segment_bytes), call.by_size));
    y += 26;
    for (std::size_t i = 0; i < call.routes.size(); ++i)
      draw_route(plan, call.routes[i],
                 {16 + static_cast<double>(i % kColumns) * (kPanel + kGap),
                  y + static_cast<double>(i / kColumns) * (kPanel + kHead + kGap)},
                 page);
    const std::size_t rows = (call.routes.size() + kColumns - 1) / kColumns;
    y += static_cast<double>(rows) * (kPanel + kHead + kGap);
  }
  return y;
}

}  // namespace hfreduce::topo
