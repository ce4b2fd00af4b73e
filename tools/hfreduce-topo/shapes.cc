#include <fmt/core.h>

#include <algorithm>
#include <map>

#include "plan.h"
#include "topology/facts.h"

namespace hfreduce::topo {
namespace {

using Neighbours = std::map<std::int32_t, std::vector<std::int32_t>>;

struct Graph {
  std::vector<std::int32_t> ranks;
  Neighbours out, in;
  std::size_t edges = 0;

  const std::vector<std::int32_t>& of(const Neighbours& side, std::int32_t rank) const {
    static const std::vector<std::int32_t> kNone;
    const auto found = side.find(rank);
    return found == side.end() ? kNone : found->second;
  }
  bool at_most_one(const Neighbours& side) const {
    return std::all_of(side.begin(), side.end(),
                       [](const auto& it) { return it.second.size() < 2; });
  }
};

// Those that hang together, lowest rank first.
std::vector<Graph> parts_of(const Edges& edges) {
  Neighbours both;
  for (const auto& [from, to] : edges) {
    both[from].push_back(to);
    both[to].push_back(from);
  }
  std::map<std::int32_t, std::size_t> part;
  std::vector<Graph> graphs;
  for (const auto& [first, unused] : both) {
    if (part.contains(first)) continue;
    std::vector<std::int32_t> open{first};
    part[first] = graphs.size();
    for (std::size_t i = 0; i < open.size(); ++i)
      for (const std::int32_t next : both[open[i]])
        if (part.emplace(next, graphs.size()).second) open.push_back(next);
    std::sort(open.begin(), open.end());
    graphs.push_back({std::move(open), {}, {}, 0});
  }
  for (const auto& [from, to] : edges) {
    Graph& graph = graphs[part[from]];
    graph.out[from].push_back(to);
    graph.in[to].push_back(from);
    ++graph.edges;
  }
  return graphs;
}

// From its root along `children`; false where that does not reach everybody.
bool walk_tree(const Graph& graph, const Neighbours& children, const Neighbours& parents,
               Shape* shape) {
  if (graph.edges + 1 != graph.ranks.size() || !graph.at_most_one(parents)) return false;
  const auto root = std::find_if(graph.ranks.begin(), graph.ranks.end(), [&](std::int32_t rank) {
    return graph.of(parents, rank).empty();
  });
  if (root == graph.ranks.end()) return false;
  shape->order = {*root};
  shape->parents = {-1};
  for (std::size_t i = 0; i < shape->order.size(); ++i)
    for (const std::int32_t child : graph.of(children, shape->order[i])) {
      shape->order.push_back(child);
      shape->parents.push_back(shape->order[i]);
    }
  return shape->order.size() == graph.ranks.size();
}

bool walk_ring(const Graph& graph, Shape* shape) {
  if (graph.edges != graph.ranks.size() || !graph.at_most_one(graph.out) ||
      !graph.at_most_one(graph.in))
    return false;
  shape->order = {graph.ranks.front()};
  for (;;) {
    const auto& next = graph.of(graph.out, shape->order.back());
    if (next.empty()) return false;
    if (next.front() == shape->order.front()) break;
    shape->order.push_back(next.front());
  }
  return shape->order.size() == graph.ranks.size();
}

Shape shape_of(const Graph& graph) {
  Shape shape;
  shape.edges = graph.edges;
  const bool line = graph.at_most_one(graph.out) && graph.at_most_one(graph.in);
  if (walk_ring(graph, &shape))
    shape.form = Form::kRing;
  else if (walk_tree(graph, graph.out, graph.in, &shape))
    shape.form = line ? Form::kChain : Form::kTreeFromRoot;
  else if (walk_tree(graph, graph.in, graph.out, &shape))
    shape.form = Form::kTreeToRoot;
  else {
    shape.order = graph.ranks;
    shape.parents.clear();
    for (const auto& [rank, unused] : graph.out) shape.from.push_back(rank);
    for (const auto& [rank, unused] : graph.in) shape.to.push_back(rank);
    const std::size_t both = shape.from.size() + shape.to.size() - graph.ranks.size();
    const bool all = graph.edges + both == shape.from.size() * shape.to.size();
    shape.form = all ? Form::kAll : Form::kOther;
  }
  return shape;
}

std::string joined(const std::vector<std::int32_t>& ranks) {
  constexpr std::size_t kMost = 24;
  std::string text;
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    if (ranks.size() > kMost && i == kMost - 2) {
      text += " > ...";
      i = ranks.size() - 1;
    }
    text += fmt::format("{}{}", i == 0 ? "" : " > ", ranks[i]);
  }
  return text;
}

std::string subtree(const Shape& shape, std::int32_t root) {
  std::string inner;
  for (std::size_t i = 0; i < shape.order.size(); ++i) {
    if (shape.parents[i] != root) continue;
    if (!inner.empty()) inner += ' ';
    inner += subtree(shape, shape.order[i]);
  }
  return inner.empty() ? std::to_string(root) : fmt::format("{}({})", root, inner);
}

std::size_t depth(const Shape& shape) {
  std::map<std::int32_t, std::size_t> depths;
  std::size_t most = 0;
  for (std::size_t i = 1; i < shape.order.size(); ++i)
    most = std::max(most, depths[shape.order[i]] = depths[shape.parents[i]] + 1);
  return most;
}

std::string tree_text(const Shape& shape, const char* way) {
  constexpr std::size_t kMost = 32;
  const std::size_t ranks = shape.order.size();
  if (ranks > kMost)
    return fmt::format("tree {} {}: {} ranks, {} deep", way, shape.order.front(), ranks,
                       depth(shape));
  return fmt::format("tree {} {}: {}", way, shape.order.front(),
                     subtree(shape, shape.order.front()));
}

}  // namespace

std::vector<Shape> shapes_of(const Edges& edges) {
  std::vector<Shape> shapes;
  for (const Graph& graph : parts_of(edges)) shapes.push_back(shape_of(graph));
  return shapes;
}

std::string to_text(const Shape& shape) {
  switch (shape.form) {
    case Form::kRing:
      if (shape.order.size() == 2)
        return fmt::format("both ways {} <> {}", shape.order[0], shape.order[1]);
      return fmt::format("ring {} > {}", joined(shape.order), shape.order.front());
    case Form::kChain:
      return "chain " + joined(shape.order);
    case Form::kTreeToRoot:
      return tree_text(shape, "to");
    case Form::kTreeFromRoot:
      return tree_text(shape, "from");
    case Form::kAll:
      return shape.from == shape.to
                 ? fmt::format("each of {} with every other", topology::to_text(shape.order))
                 : fmt::format("each of {} to each of {}", topology::to_text(shape.from),
                               topology::to_text(shape.to));
    case Form::kOther:
      break;
  }
  return fmt::format("{} ways between {}", shape.edges, topology::to_text(shape.order));
}

}  // namespace hfreduce::topo
