// The algorithms by family. registry.cc gives them their names.
#pragma once

#include "algorithms/algorithm.h"

namespace hfreduce::algorithms {

schedule::Layout one_shot_layout(const Request& request);
schedule::Schedule emit_one_shot(const Request& request, std::int32_t rank);
schedule::Layout alternating_layout(const Request& request);
schedule::Schedule emit_alternating(const Request& request, std::int32_t rank);
schedule::Layout two_shot_layout(const Request& request);
schedule::Schedule emit_two_shot(const Request& request, std::int32_t rank);

schedule::Layout zero_copy_layout(const Request& request);
schedule::Schedule emit_zero_copy(const Request& request, std::int32_t rank);
schedule::Layout zero_copy_shared_layout(const Request& request);
schedule::Schedule emit_zero_copy_shared(const Request& request, std::int32_t rank);
schedule::Layout zero_copy_broadcast_layout(const Request& request);
schedule::Schedule emit_zero_copy_broadcast(const Request& request, std::int32_t rank);

schedule::Layout claimed_layout(const Request& request);
schedule::Schedule emit_claimed(const Request& request, std::int32_t rank);
schedule::Layout zero_copy_claimed_layout(const Request& request);
schedule::Schedule emit_zero_copy_claimed(const Request& request, std::int32_t rank);

schedule::Layout grouped_layout(const Request& request);
schedule::Schedule emit_grouped(const Request& request, std::int32_t rank);
schedule::Layout grouped_broadcast_layout(const Request& request);
schedule::Schedule emit_grouped_broadcast(const Request& request, std::int32_t rank);

schedule::Layout ring_layout(const Request& request);
schedule::Schedule emit_ring(const Request& request, std::int32_t rank);
schedule::Layout double_tree_layout(const Request& request);
schedule::Schedule emit_double_tree(const Request& request, std::int32_t rank);
schedule::Layout recursive_doubling_layout(const Request& request);
schedule::Schedule emit_recursive_doubling(const Request& request, std::int32_t rank);
schedule::Layout hierarchical_ring_layout(const Request& request);
schedule::Schedule emit_hierarchical_ring(const Request& request, std::int32_t rank);
schedule::Layout hierarchical_tree_layout(const Request& request);
schedule::Schedule emit_hierarchical_tree(const Request& request, std::int32_t rank);

schedule::Layout eager_layout(const Request& request);
schedule::Schedule emit_eager(const Request& request, std::int32_t rank);
schedule::Layout direct_layout(const Request& request);
schedule::Schedule emit_direct(const Request& request, std::int32_t rank);
schedule::Layout binomial_layout(const Request& request);
schedule::Schedule emit_binomial(const Request& request, std::int32_t rank);
schedule::Layout chain_layout(const Request& request);
schedule::Schedule emit_chain(const Request& request, std::int32_t rank);
schedule::Layout tree_layout(const Request& request);
schedule::Schedule emit_tree(const Request& request, std::int32_t rank);
schedule::Layout hierarchical_chain_layout(const Request& request);
schedule::Schedule emit_hierarchical_chain(const Request& request, std::int32_t rank);
schedule::Layout hierarchical_tree_broadcast_layout(const Request& request);
schedule::Schedule emit_hierarchical_tree_broadcast(const Request& request, std::int32_t rank);

}  // namespace hfreduce::algorithms
