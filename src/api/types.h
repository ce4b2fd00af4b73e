// From hfreduce.h's types and operations to those of the kernels.
#pragma once

#include "base/status.h"
#include "hfreduce.h"
#include "kernels/cpu/reduce.h"

namespace hfreduce::api {

// Errors: kInvalidArgument, there is no such type.
Result<kernels::DataType> data_type_of(hfreduceDataType_t type);
// One of the enumerators; not one that was created. Errors: kInvalidArgument, there is no such
// operation.
Result<kernels::ReduceOp> reduce_op_of(hfreduceRedOp_t op);
// kInvalidArgument where the type has no such operation.
Status check_pair(kernels::DataType type, kernels::ReduceOp op);

}  // namespace hfreduce::api
