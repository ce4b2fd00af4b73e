#include "api/types.h"

#include <fmt/core.h>

namespace hfreduce::api {

using kernels::DataType;
using kernels::ReduceOp;

static_assert(number_of(hfreduceBool) == static_cast<int>(DataType::kBool) &&
              number_of(hfreduceBitXor) == static_cast<int>(ReduceOp::kBitXor));

Result<DataType> data_type_of(hfreduceDataType_t type) {
  if (const int number = number_of(type); number >= 0) return static_cast<DataType>(number);
  return Status(Code::kInvalidArgument,
                fmt::format("there is no data type {}", static_cast<int>(type)));
}

Result<ReduceOp> reduce_op_of(hfreduceRedOp_t op) {
  if (const int number = number_of(op); number >= 0) return static_cast<ReduceOp>(number);
  return Status(Code::kInvalidArgument,
                fmt::format("there is no operation {}", static_cast<int>(op)));
}

Status check_pair(DataType type, ReduceOp op) {
  if (op == ReduceOp::kPreMulSum || kernels::has_kernel(type, op)) return {};
  if (type == DataType::kBool) {
    return Status(Code::kInvalidArgument,
                  "avg of bool: there is no average of true and false; sum is or, prod is and");
  }
  return Status(Code::kInvalidArgument,
                fmt::format("{} of {}: bitwise operations take integers and bool",
                            kernels::name_of(op), kernels::name_of(type)));
}

}  // namespace hfreduce::api
