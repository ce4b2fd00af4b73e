// What each table of kernels gives by type: GB/s read and written together, sums of `sources` into
// one destination, with the buffers in the innermost cache, in the next one, and in memory.
// All cases take turns in every round, so that a slow moment of the machine hits all of them; the
// median counts.
//   kernels_bench [rounds [sources [op]]]
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <vector>

#include "kernels/cpu/reduce.h"

namespace {

using namespace hfreduce::kernels;

constexpr std::size_t kSizes[] = {8u << 10, 256u << 10, 32u << 20};  // of each buffer

struct Options {
  int rounds = 15;
  std::int32_t sources = 2;
  ReduceOp op = ReduceOp::kSum;
};

struct Case {
  const KernelTable* table;
  DataType type;
  std::size_t bytes;
  std::vector<double> gigabytes;  // a second, by round
};

// Aligned to lines, and none at the same place in its page as another: a load that looks like an
// earlier store waits for it.
class Buffers {
 public:
  explicit Buffers(int count) {
    for (int i = 0; i < count; ++i) {
      // A number that is neither NaN nor denormal in any type.
      memory_.emplace_back(kSizes[2] + 2 * kPage, std::byte{0x3c});
    }
  }
  std::byte* operator[](int i) {
    const auto at = reinterpret_cast<std::uintptr_t>(memory_[static_cast<std::size_t>(i)].data());
    const std::size_t to_page = (kPage - at % kPage) % kPage;
    return memory_[static_cast<std::size_t>(i)].data() + to_page +
           static_cast<std::size_t>(i) % 7 * 576;
  }

 private:
  static constexpr std::size_t kPage = 4096;
  std::vector<std::vector<std::byte>> memory_;
};

double measure(const Case& c, const Options& options, Buffers& buffers) {
  std::vector<const void*> sources;
  for (std::int32_t s = 0; s < options.sources; ++s) {
    sources.push_back(buffers[s]);
  }
  void* destination = buffers[options.sources];
  ReduceArgs args;
  args.sources = sources.data();
  args.destinations = &destination;
  args.n_sources = options.sources;
  args.n_destinations = 1;
  args.count = c.bytes / size_of(c.type);
  const ReduceFn reduce = c.table->reduce[static_cast<int>(c.type)][static_cast<int>(options.op)];
  const std::size_t calls = std::max<std::size_t>(1, (4u << 20) / c.bytes);
  reduce(args);
  const auto begin = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < calls; ++i) reduce(args);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  const auto moved = static_cast<double>(c.bytes * calls) * (options.sources + 1);
  return moved / took.count() / 1e9;
}

std::vector<Case> make_cases(const Options& options) {
  std::vector<Case> cases;
  int count = 0;
  const KernelTable* const* tables = all_kernels(&count);
  for (int type = 0; type < kDataTypes; ++type) {
    if (!has_kernel(static_cast<DataType>(type), options.op)) continue;
    for (int t = 0; t < count; ++t) {
      if (!tables[t]->usable()) continue;
      for (const std::size_t bytes : kSizes) {
        cases.push_back({tables[t], static_cast<DataType>(type), bytes, {}});
      }
    }
  }
  return cases;
}

ReduceOp op_of(std::string_view name) {
  for (int op = 0; op < kReduceOps; ++op) {
    if (name == name_of(static_cast<ReduceOp>(op))) return static_cast<ReduceOp>(op);
  }
  fmt::print(stderr, "kernels_bench: no operation {}\n", name);
  std::exit(2);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (argc > 1) options.rounds = std::max(1, std::atoi(argv[1]));
  if (argc > 2) options.sources = std::clamp(std::atoi(argv[2]), 1, 64);
  if (argc > 3) options.op = op_of(argv[3]);
  std::vector<Case> cases = make_cases(options);
  Buffers buffers(options.sources + 1);
  for (int round = 0; round < options.rounds; ++round) {
    for (Case& c : cases) c.gigabytes.push_back(measure(c, options, buffers));
  }
  fmt::print("# {} of {} sources, GB/s read and written, median of {} rounds\n{:14} {:9}",
             name_of(options.op), options.sources, options.rounds, "type", "table");
  for (const std::size_t bytes : kSizes) fmt::print(" {:>8} KiB", bytes >> 10);
  for (Case& c : cases) {
    if (c.bytes == kSizes[0]) fmt::print("\n{:14} {:9}", name_of(c.type), c.table->name);
    auto middle = c.gigabytes.begin() + static_cast<std::ptrdiff_t>(c.gigabytes.size() / 2);
    std::nth_element(c.gigabytes.begin(), middle, c.gigabytes.end());
    fmt::print(" {:12.1f}", *middle);
  }
  fmt::print("\n");
}
