// What is known of a machine, as plain data. What is not known is absent: nothing here is ever a
// guess.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace hfreduce::topology {

// Numbers of hardware threads, as the operating system counts them, ascending.
using Cpus = std::vector<std::int32_t>;
// "0-3,8": how the kernel writes them; "none".
std::string to_text(const Cpus& cpus);

struct Package {
  std::int32_t number = -1;  // the system's; -1: it gives none
  std::string model;         // empty: unknown
  Cpus cpus;
};

struct Node {
  std::int32_t number = 0;
  std::optional<std::size_t> package;  // unknown, or it spans several
  std::optional<std::uint64_t> bytes;
  Cpus cpus;  // that are near it
};

struct Cache {
  std::int32_t level = 0;
  std::optional<std::uint64_t> bytes;
  std::size_t cores = 0;  // that share it
  Cpus cpus;
};

struct Core {
  std::optional<std::size_t> package, node;  // indices into Facts; node: unknown if it has several
  Cpus cpus;
};

enum class Kind : std::uint8_t { kGpu, kNic, kInfiniband, kStorage, kOther };
const char* to_text(Kind kind);

// A PCI function that is of interest: a processor of its own, or a way out of the machine.
struct Device {
  Kind kind = Kind::kOther;
  std::vector<std::string> names;  // the system's, "mlx5_0", "ib0"; may be empty
  std::string pci;                 // "0000:07:00.0"
  std::uint16_t vendor = 0, device = 0;
  std::string model;                         // empty: unknown
  std::optional<double> pcie_gbyte_per_s;    // what its slot gives
  std::optional<std::int64_t> mbit_per_s;    // what its port is running at
  std::optional<std::size_t> package, node;  // that it is attached to: indices into Facts
  // The bridges above it, the host's first. Functions below one bridge share its number.
  std::vector<std::uint32_t> bridges;

  // The first name, else the PCI address.
  const std::string& label() const { return names.empty() ? pci : names.front(); }
};

// Row by row, from the first to the second.
struct Matrix {
  std::size_t size = 0;
  std::vector<std::uint64_t> values;  // size * size, or empty: unknown
  std::uint64_t at(std::size_t from, std::size_t to) const { return values[from * size + to]; }
  bool known() const noexcept { return !values.empty(); }
};

struct Facts {
  // Why nothing below is known; empty: it is.
  std::string unknown;
  bool this_machine = false;
  std::string origin;  // "this machine", or the file
  std::string host;    // empty: unknown
  std::string model;   // of the machine, as its maker calls it
  std::vector<Package> packages;
  std::vector<Node> nodes;
  std::vector<Cache> caches;  // data and unified ones
  std::vector<Core> cores;
  std::vector<Device> devices;
  Matrix node_distances;  // as the firmware tells them: 10 is local
  Matrix nvlink;          // MB/s between devices, 0: none
  Cpus cpus;              // all of the machine
  Cpus allowed;           // those that the system lets this process use (only of this machine)

  bool known() const noexcept { return unknown.empty(); }
  // Bytes of all nodes; absent when that of one is.
  std::optional<std::uint64_t> memory() const;
  // The caches that most cores share of those between memory and cores; 0: none known.
  std::int32_t last_level() const;
};

// "2 packages, 8 NUMA nodes, 128 cores, 256 threads, 2.0 TiB".
std::string summary(const Facts& facts);
// "16 MiB"; one digit after the point where that is not exact.
std::string bytes_text(std::uint64_t bytes);

}  // namespace hfreduce::topology
