// From hfreduce.h's types and operations to those of the kernels.
#pragma once

#include "base/status.h"
#include "hfreduce.h"
#include "kernels/cpu/reduce.h"

namespace hfreduce::api {

// Dense numbers, as the kernels'; -1: there is no such type or operation (one of the enumerators,
// not one that was created).
constexpr int number_of(hfreduceDataType_t type) noexcept {
  if (type >= hfreduceInt8 && type <= hfreduceFloat8e5m2) return type;
  const bool own = type >= hfreduceInt16 && type <= hfreduceBool;
  return own ? type - hfreduceInt16 + static_cast<int>(kernels::DataType::kInt16) : -1;
}
constexpr int number_of(hfreduceRedOp_t op) noexcept {
  if (op >= hfreduceSum && op <= hfreduceAvg) return op;
  const bool own = op >= hfreduceBitAnd && op <= hfreduceBitXor;
  return own ? op - hfreduceBitAnd + static_cast<int>(kernels::ReduceOp::kBitAnd) : -1;
}

// Errors: kInvalidArgument, there is no such type.
Result<kernels::DataType> data_type_of(hfreduceDataType_t type);
// Errors: kInvalidArgument, there is no such operation.
Result<kernels::ReduceOp> reduce_op_of(hfreduceRedOp_t op);
// kInvalidArgument where the type has no such operation.
Status check_pair(kernels::DataType type, kernels::ReduceOp op);

}  // namespace hfreduce::api
