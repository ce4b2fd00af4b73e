#include "kinds.h"

namespace hfreduce::perf {
namespace {

constexpr double kTwo24 = 16777216.0, kTwo53 = 9007199254740992.0;

constexpr TypeInfo kTypes[] = {
    {"int8", "int8", hfreduceInt8, 1, Number::kSigned, 0},
    {"uint8", "uint8", hfreduceUint8, 1, Number::kUnsigned, 0},
    {"int32", "int32", hfreduceInt32, 4, Number::kSigned, 0},
    {"uint32", "uint32", hfreduceUint32, 4, Number::kUnsigned, 0},
    {"int64", "int64", hfreduceInt64, 8, Number::kSigned, 0},
    {"uint64", "uint64", hfreduceUint64, 8, Number::kUnsigned, 0},
    {"float16", "half", hfreduceFloat16, 2, Number::kFloat, 2048},
    {"float32", "float", hfreduceFloat32, 4, Number::kFloat, kTwo24},
    {"float64", "double", hfreduceFloat64, 8, Number::kFloat, kTwo53},
    {"bfloat16", "bf16", hfreduceBfloat16, 2, Number::kFloat, 256},
    {"float8_e4m3fn", "f8e4m3", hfreduceFloat8e4m3, 1, Number::kFloat, 16},
    {"float8_e5m2", "f8e5m2", hfreduceFloat8e5m2, 1, Number::kFloat, 8},
    {"int16", "short", hfreduceInt16, 2, Number::kSigned, 0},
    {"uint16", "ushort", hfreduceUint16, 2, Number::kUnsigned, 0},
    {"bool", "bool", hfreduceBool, 1, Number::kBool, 0},
};

constexpr OpInfo kOps[] = {{"sum", hfreduceSum},   {"prod", hfreduceProd},
                           {"max", hfreduceMax},   {"min", hfreduceMin},
                           {"avg", hfreduceAvg},   {"band", hfreduceBitAnd},
                           {"bor", hfreduceBitOr}, {"bxor", hfreduceBitXor}};

}  // namespace

std::string_view name_of(Collective collective) {
  return collective == Collective::kAllReduce ? "allreduce" : "broadcast";
}
std::string_view name_of(Placing placing) { return placing == Placing::kIn ? "in" : "out"; }

std::span<const TypeInfo> all_types() { return kTypes; }
std::span<const OpInfo> all_ops() { return kOps; }

bool applies(const OpInfo& op, const TypeInfo& type) {
  if (op.value >= hfreduceBitAnd) return type.number != Number::kFloat;
  return op.value != hfreduceAvg || type.number != Number::kBool;
}

const TypeInfo* find_type(std::string_view name) {
  for (const TypeInfo& type : kTypes) {
    if (name == type.name || name == type.short_name) return &type;
  }
  return nullptr;
}

const OpInfo* find_op(std::string_view name) {
  for (const OpInfo& op : kOps) {
    if (name == op.name) return &op;
  }
  return nullptr;
}

}  // namespace hfreduce::perf
