// From hfreduce.h's types and operations to those of the kernels.
#pragma once

#include "base/status.h"
#include "hfreduce.h"
#include "kernels/cpu/reduce.h"

namespace hfreduce::api {

// Those that NCCL does not have.
Result<kernels::DataType> own_data_type_of(hfreduceDataType_t type);
Result<kernels::ReduceOp> own_reduce_op_of(hfreduceRedOp_t op);

// Errors: kInvalidArgument, there is no such type.
inline Result<kernels::DataType> data_type_of(hfreduceDataType_t type) {
  if (type >= hfreduceInt8 && type <= hfreduceFloat8e5m2)
    return static_cast<kernels::DataType>(type);
  return own_data_type_of(type);
}
// One of the enumerators; not one that was created. Errors: kInvalidArgument, there is no such
// operation.
inline Result<kernels::ReduceOp> reduce_op_of(hfreduceRedOp_t op) {
  if (op >= hfreduceSum && op <= hfreduceAvg) return static_cast<kernels::ReduceOp>(op);
  return own_reduce_op_of(op);
}
// kInvalidArgument where the type has no such operation.
Status check_pair(kernels::DataType type, kernels::ReduceOp op);

}  // namespace hfreduce::api
