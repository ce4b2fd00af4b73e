#include <map>

#include "commands.h"

namespace hfreduce::topo {

bool is_gpu(topology::Kind kind) { return kind == topology::Kind::kGpu; }
bool is_network(topology::Kind kind) {
  return kind == topology::Kind::kNic || kind == topology::Kind::kInfiniband;
}

std::vector<std::string> tags(const topology::Facts& facts) {
  std::map<std::string, int> counts;
  std::vector<std::string> tags;
  for (const topology::Device& device : facts.devices) {
    const std::string kind = is_gpu(device.kind)                       ? "gpu"
                             : is_network(device.kind)                 ? "nic"
                             : device.kind == topology::Kind::kStorage ? "disk"
                                                                       : "dev";
    tags.push_back(kind + std::to_string(counts[kind]++));
  }
  return tags;
}

}  // namespace hfreduce::topo
