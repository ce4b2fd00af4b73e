// What can be measured: collectives, element types and operations, with their names.
#pragma once

#include <hfreduce.h>

#include <cstddef>
#include <span>
#include <string_view>

namespace hfreduce::perf {

enum class Collective { kAllReduce, kBroadcast };
enum class Placing { kOut, kIn };

std::string_view name_of(Collective collective);
std::string_view name_of(Placing placing);

enum class Number { kSigned, kUnsigned, kFloat, kBool };

struct TypeInfo {
  std::string_view name;
  std::string_view short_name;  // as nccl-tests calls it
  hfreduceDataType_t value;
  std::size_t size;
  Number number;
  // Whole numbers up to this are exact.
  double exact;
};
struct OpInfo {
  std::string_view name;
  hfreduceRedOp_t value;
};

std::span<const TypeInfo> all_types();
std::span<const OpInfo> all_ops();
// Bitwise operations are not for floats, nor averages for bool.
bool applies(const OpInfo& op, const TypeInfo& type);
// nullptr: no such name.
const TypeInfo* find_type(std::string_view name);
const OpInfo* find_op(std::string_view name);

}  // namespace hfreduce::perf
