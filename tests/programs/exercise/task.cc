#include "task.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "values.h"

namespace exercise {
namespace {

struct Type {
  hfreduceDataType_t value;
  const char* name;
  std::size_t bytes;
  enum { kInteger, kFloat, kBool } kind;
};
constexpr std::array kTypes = {Type{hfreduceInt8, "int8", 1, Type::kInteger},
                               Type{hfreduceUint8, "uint8", 1, Type::kInteger},
                               Type{hfreduceInt32, "int32", 4, Type::kInteger},
                               Type{hfreduceUint32, "uint32", 4, Type::kInteger},
                               Type{hfreduceInt64, "int64", 8, Type::kInteger},
                               Type{hfreduceUint64, "uint64", 8, Type::kInteger},
                               Type{hfreduceFloat16, "float16", 2, Type::kFloat},
                               Type{hfreduceFloat32, "float32", 4, Type::kFloat},
                               Type{hfreduceFloat64, "float64", 8, Type::kFloat},
                               Type{hfreduceBfloat16, "bfloat16", 2, Type::kFloat},
                               Type{hfreduceFloat8e4m3, "float8_e4m3fn", 1, Type::kFloat},
                               Type{hfreduceFloat8e5m2, "float8_e5m2", 1, Type::kFloat},
                               Type{hfreduceInt16, "int16", 2, Type::kInteger},
                               Type{hfreduceUint16, "uint16", 2, Type::kInteger},
                               Type{hfreduceBool, "bool", 1, Type::kBool}};
constexpr std::array kOps = {hfreduceSum,    hfreduceProd,  hfreduceMax,
                             hfreduceMin,    hfreduceAvg,   hfreduceFirstCreatedOp,
                             hfreduceBitAnd, hfreduceBitOr, hfreduceBitXor};
constexpr std::array kOpNames = {"sum",        "prod", "max", "min", "avg",
                                 "premul_sum", "band", "bor", "bxor"};

const Type& type_of(hfreduceDataType_t value) {
  return *std::find_if(kTypes.begin(), kTypes.end(),
                       [&](const Type& type) { return type.value == value; });
}

bool applies(hfreduceRedOp_t op, const Type& type) {
  if (op == hfreduceAvg) return type.kind != Type::kBool;
  return type.kind != Type::kFloat || op < hfreduceBitAnd || op == hfreduceFirstCreatedOp;
}

// Evenly over the sizes' logarithms, with a good share of nothing and of next to nothing.
std::size_t random_bytes(const Options& options, Random& random) {
  if (options.min_bytes == 0 && random.below(16) == 0) return 0;
  const double low = std::log2(static_cast<double>(std::max<std::uint64_t>(options.min_bytes, 1)));
  const double high = std::log2(static_cast<double>(std::max<std::uint64_t>(options.max_bytes, 1)));
  const double share = static_cast<double>(random.below(1 << 20)) / (1 << 20);
  return static_cast<std::size_t>(std::exp2(low + share * std::max(0.0, high - low)));
}

}  // namespace

std::size_t element_bytes(hfreduceDataType_t type) { return type_of(type).bytes; }

std::size_t Task::bytes() const { return count * element_bytes(type); }

bool Task::is_mapped(int rank) const {
  const std::uint64_t draw = mix(key + static_cast<std::uint64_t>(rank)) % 100;
  // All alike in half of the operations, each as it comes in the others.
  const std::uint64_t common = mix(key) % 100;
  return (key % 2 == 0 ? common : draw) < static_cast<std::uint64_t>(mapped_percent);
}

std::string Task::describe() const {
  std::string text = broadcast ? "broadcast of " : "allreduce of ";
  text += std::to_string(count) + " " + type_of(type).name;
  text += broadcast
              ? ", root " + std::to_string(root)
              : std::string(", ") + kOpNames[static_cast<std::size_t>(
                                        std::find(kOps.begin(), kOps.end(), op) - kOps.begin())];
  if (in_place) text += ", in place";
  if (as_request) text += ", request";
  return text;
}

Task make_task(const Options& options, std::uint64_t stream, std::uint64_t index, int ranks) {
  Random random(mix(mix(options.seed) + mix(stream * 2 + 1) + index));
  Task task;
  task.ranks = ranks;
  task.key = random.next();
  // Every 270 operations are all of them: two collectives, fifteen types, nine ways to reduce.
  const std::uint64_t kind = (index * 37 + mix(options.seed)) % (2 * kTypes.size() * kOps.size());
  task.broadcast = kind % 2 == 1;
  task.type = kTypes[kind / 2 % kTypes.size()].value;
  task.op = kOps[kind / 2 / kTypes.size()];
  task.root = static_cast<int>(random.below(static_cast<std::uint64_t>(ranks)));
  task.in_place = random.below(2) == 1;
  task.as_request = random.below(100) < static_cast<std::uint64_t>(options.requests_percent);
  task.mapped_percent = options.mapped_percent;
  task.offset = random.below(3) == 0 ? random.below(17) : 0;
  if (options.only_collective >= 0) task.broadcast = options.only_collective == 1;
  if (options.only_type >= 0) task.type = static_cast<hfreduceDataType_t>(options.only_type);
  if (options.only_op >= 0) task.op = static_cast<hfreduceRedOp_t>(options.only_op);
  if (!applies(task.op, type_of(task.type))) task.op = hfreduceSum;
  task.count = random_bytes(options, random) / element_bytes(task.type);
  return task;
}

void fill_input(const Task& task, int rank, void* output) {
  for_type(task.type, [&](auto traits) { fill_values<decltype(traits)>(task, rank, output); });
}

void fill_scalar(const Task& task, int rank, void* output) {
  for_type(task.type, [&](auto traits) {
    const auto scalar = scalar_of<decltype(traits)>(task, rank);
    std::memcpy(output, &scalar, sizeof scalar);
  });
}

void fill_expected(const Task& task, void* output) {
  if (task.broadcast) return fill_input(task, task.root, output);
  for_type(task.type, [&](auto traits) { combine_values<decltype(traits)>(task, output); });
}

}  // namespace exercise
