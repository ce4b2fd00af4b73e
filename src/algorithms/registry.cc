#include <array>

#include "algorithms/emitters.h"

namespace hfreduce::algorithms {
namespace {

bool anywhere(const schedule::Placement&) { return true; }
bool in_groups(const schedule::Placement& placement) {
  return placement.ranks() <= 1 || (placement.hosts() == 1 && placement.levels() > 0);
}
bool on_one_host(const schedule::Placement& placement) { return placement.hosts() <= 1; }
bool two_on_one_host(const schedule::Placement& placement) {
  return on_one_host(placement) && placement.ranks() <= 2;
}

constexpr auto kAllReduce = Collective::kAllReduce;
constexpr auto kBroadcast = Collective::kBroadcast;

// Append only: positions are numbers in channels and fingerprints.
constexpr std::array kAlgorithms{
    Algorithm{"one-shot", kAllReduce, "one host: every rank reduces everybody's data", on_one_host,
              one_shot_layout, emit_one_shot},
    Algorithm{"two-shot", kAllReduce, "one host: every rank reduces its part and hands it back",
              on_one_host, two_shot_layout, emit_two_shot},
    Algorithm{"ring", kAllReduce, "two flat rings, each over half of the data", anywhere,
              ring_layout, emit_ring},
    Algorithm{"double-tree", kAllReduce, "two flat binary trees, each over half of the data",
              anywhere, double_tree_layout, emit_double_tree},
    Algorithm{"hierarchical-ring", kAllReduce,
              "sums inside hosts, two rings between them, copies inside hosts", anywhere,
              hierarchical_ring_layout, emit_hierarchical_ring},
    Algorithm{"hierarchical-tree", kAllReduce,
              "sums inside hosts, a double tree between them, copies inside hosts", anywhere,
              hierarchical_tree_layout, emit_hierarchical_tree},
    Algorithm{"direct", kBroadcast, "one host: every rank reads the root's slots", on_one_host,
              direct_layout, emit_direct},
    Algorithm{"chain", kBroadcast, "a flat pipeline from rank to rank", anywhere, chain_layout,
              emit_chain},
    Algorithm{"tree", kBroadcast, "a flat pipelined binary tree", anywhere, tree_layout, emit_tree},
    Algorithm{"hierarchical-chain", kBroadcast, "a pipeline from host to host, copies inside hosts",
              anywhere, hierarchical_chain_layout, emit_hierarchical_chain},
    Algorithm{"hierarchical-tree", kBroadcast, "a binary tree between hosts, copies inside hosts",
              anywhere, hierarchical_tree_broadcast_layout, emit_hierarchical_tree_broadcast},
    Algorithm{"zero-copy", kAllReduce,
              "one host, memory that peers can map: inputs are read and outputs written in place",
              on_one_host, zero_copy_layout, emit_zero_copy},
    Algorithm{"zero-copy", kBroadcast,
              "one host, memory that peers can map: every rank reads the root's buffer",
              on_one_host, zero_copy_broadcast_layout, emit_zero_copy_broadcast},
    Algorithm{"recursive-doubling", kAllReduce,
              "partners swap what they hold, in as many rounds as the ranks have bits", anywhere,
              recursive_doubling_layout, emit_recursive_doubling},
    Algorithm{"eager", kBroadcast,
              "one host, few bytes: they come with their flag, and the root runs far ahead",
              on_one_host, eager_layout, emit_eager},
    Algorithm{"claimed", kAllReduce,
              "one host, more ranks than cores: whoever runs reduces what all have staged",
              on_one_host, claimed_layout, emit_claimed},
    Algorithm{"zero-copy-claimed", kAllReduce,
              "one host, more ranks than cores, memory that peers can map: whoever runs reduces it",
              on_one_host, zero_copy_claimed_layout, emit_zero_copy_claimed},
    Algorithm{"grouped", kAllReduce,
              "one host, ranks in groups (caches): sums in each, then between them, and back",
              in_groups, grouped_layout, emit_grouped},
    Algorithm{"grouped", kBroadcast,
              "one host, ranks in groups (caches): once into each, a share by each of its ranks",
              in_groups, grouped_broadcast_layout, emit_grouped_broadcast},
    Algorithm{"binomial", kBroadcast,
              "few bytes from host to host: sent unasked, with credit of earlier calls", anywhere,
              binomial_layout, emit_binomial},
    Algorithm{"alternating", kAllReduce,
              "two ranks of one host: each reduces both's data, and stages where it read last",
              two_on_one_host, alternating_layout, emit_alternating},
    Algorithm{"zero-copy-shared", kBroadcast,
              "one host, memory that peers can map: each rank copies its part of the root's to all",
              on_one_host, zero_copy_shared_layout, emit_zero_copy_shared},
};

}  // namespace

std::span<const Algorithm> all() { return kAlgorithms; }

const Algorithm* find(Collective collective, std::string_view name) {
  for (const Algorithm& algorithm : kAlgorithms)
    if (algorithm.collective == collective && algorithm.name == name) return &algorithm;
  return nullptr;
}

}  // namespace hfreduce::algorithms
