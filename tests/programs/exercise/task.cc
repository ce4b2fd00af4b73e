#include "task.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "values.h"

namespace exercise {
namespace {

constexpr std::array kTypes = {hfreduceInt8,    hfreduceUint8,   hfreduceInt32,   hfreduceUint32,
                               hfreduceInt64,   hfreduceUint64,  hfreduceFloat16, hfreduceFloat32,
                               hfreduceFloat64, hfreduceBfloat16};
constexpr std::array kTypeNames = {"int8",   "uint8",   "int32",   "uint32",  "int64",
                                   "uint64", "float16", "float32", "float64", "bfloat16"};
constexpr std::array kOpNames = {"sum", "prod", "max", "min", "avg"};

// Evenly over the sizes' logarithms, with a good share of nothing and of next to nothing.
std::size_t random_bytes(const Options& options, Random& random) {
  if (options.min_bytes == 0 && random.below(16) == 0) return 0;
  const double low = std::log2(static_cast<double>(std::max<std::uint64_t>(options.min_bytes, 1)));
  const double high = std::log2(static_cast<double>(std::max<std::uint64_t>(options.max_bytes, 1)));
  const double share = static_cast<double>(random.below(1 << 20)) / (1 << 20);
  return static_cast<std::size_t>(std::exp2(low + share * std::max(0.0, high - low)));
}

}  // namespace

std::size_t element_bytes(hfreduceDataType_t type) {
  switch (type) {
    case hfreduceInt8:
    case hfreduceUint8:
      return 1;
    case hfreduceFloat16:
    case hfreduceBfloat16:
      return 2;
    case hfreduceInt64:
    case hfreduceUint64:
    case hfreduceFloat64:
      return 8;
    default:
      return 4;
  }
}

std::size_t Task::bytes() const { return count * element_bytes(type); }

bool Task::is_mapped(int rank) const {
  const std::uint64_t draw = mix(key + static_cast<std::uint64_t>(rank)) % 100;
  // All alike in half of the operations, each as it comes in the others.
  const std::uint64_t common = mix(key) % 100;
  return (key % 2 == 0 ? common : draw) < static_cast<std::uint64_t>(mapped_percent);
}

std::string Task::describe() const {
  std::string text = broadcast ? "broadcast of " : "allreduce of ";
  text += std::to_string(count) + " " + kTypeNames[static_cast<std::size_t>(type)];
  text += broadcast ? ", root " + std::to_string(root)
                    : std::string(", ") + kOpNames[static_cast<std::size_t>(op)];
  if (in_place) text += ", in place";
  if (as_request) text += ", request";
  return text;
}

Task make_task(const Options& options, std::uint64_t stream, std::uint64_t index, int ranks) {
  Random random(mix(mix(options.seed) + mix(stream * 2 + 1) + index));
  Task task;
  task.ranks = ranks;
  task.key = random.next();
  // Every hundred operations are all of them: two collectives, ten types, five ways to reduce.
  const std::uint64_t kind = (index * 37 + mix(options.seed)) % 100;
  task.broadcast = kind / 50 == 1;
  task.type = kTypes[kind % kTypes.size()];
  task.op = static_cast<hfreduceRedOp_t>(kind / kTypes.size() % kOpNames.size());
  task.root = static_cast<int>(random.below(static_cast<std::uint64_t>(ranks)));
  task.in_place = random.below(2) == 1;
  task.as_request = random.below(100) < static_cast<std::uint64_t>(options.requests_percent);
  task.mapped_percent = options.mapped_percent;
  task.offset = random.below(3) == 0 ? random.below(17) : 0;
  if (options.only_collective >= 0) task.broadcast = options.only_collective == 1;
  if (options.only_type >= 0) task.type = static_cast<hfreduceDataType_t>(options.only_type);
  if (options.only_op >= 0) task.op = static_cast<hfreduceRedOp_t>(options.only_op);
  task.count = random_bytes(options, random) / element_bytes(task.type);
  return task;
}

void fill_input(const Task& task, int rank, void* output) {
  for_type(task.type, [&](auto traits) { fill_values<decltype(traits)>(task, rank, output); });
}

void fill_expected(const Task& task, void* output) {
  if (task.broadcast) return fill_input(task, task.root, output);
  for_type(task.type, [&](auto traits) { combine_values<decltype(traits)>(task, output); });
}

}  // namespace exercise
