#include "topology/sysfs.h"

#include <filesystem>
#include <fstream>

namespace hfreduce::topology {
namespace {

// Names come from hwloc: none leads elsewhere.
bool is_plain(const std::string& name) {
  return !name.empty() && name.find('/') == std::string::npos && name.front() != '.';
}

template <typename Value>
std::optional<Value> read_value(const std::string& file) {
  std::ifstream stream(file);
  Value value;
  if (!(stream >> value)) return std::nullopt;
  return value;
}

}  // namespace

std::optional<std::int32_t> node_of_pci(const std::string& address) {
  if (!is_plain(address)) return std::nullopt;
  return read_value<std::int32_t>("/sys/bus/pci/devices/" + address + "/numa_node");
}

std::optional<std::int64_t> port_mbit_per_s(const std::string& name) {
  if (!is_plain(name)) return std::nullopt;
  const auto ethernet = read_value<std::int64_t>("/sys/class/net/" + name + "/speed");
  if (ethernet && *ethernet > 0) return ethernet;
  std::optional<std::int64_t> sum;
  std::error_code none;
  const std::filesystem::path ports("/sys/class/infiniband/" + name + "/ports");
  for (const auto& port : std::filesystem::directory_iterator(ports, none)) {
    // "200 Gb/sec (4X HDR)"; a port that is down says what it would run at.
    const auto state = read_value<std::int32_t>(port.path() / "state");  // "4: ACTIVE"
    const auto gbit = read_value<double>(port.path() / "rate");
    if (state == 4 && gbit && *gbit > 0)
      sum = sum.value_or(0) + static_cast<std::int64_t>(*gbit * 1000);
  }
  return sum;
}

std::string machine_model() {
  std::string model;
  for (const char* part : {"sys_vendor", "product_name"}) {
    std::ifstream stream(std::string("/sys/class/dmi/id/") + part);
    std::string line;
    if (std::getline(stream, line) && !line.empty()) model += (model.empty() ? "" : " ") + line;
  }
  return model;
}

}  // namespace hfreduce::topology
