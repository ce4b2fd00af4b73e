#include "api/types.h"

#include <fmt/core.h>

namespace hfreduce::api {

using kernels::DataType;
using kernels::ReduceOp;

Result<DataType> own_data_type_of(hfreduceDataType_t type) {
  switch (static_cast<int>(type)) {
    case hfreduceInt16:
      return DataType::kInt16;
    case hfreduceUint16:
      return DataType::kUint16;
    case hfreduceBool:
      return DataType::kBool;
    default:
      return Status(Code::kInvalidArgument,
                    fmt::format("there is no data type {}", static_cast<int>(type)));
  }
}

Result<ReduceOp> own_reduce_op_of(hfreduceRedOp_t op) {
  switch (static_cast<int>(op)) {
    case hfreduceBitAnd:
      return ReduceOp::kBitAnd;
    case hfreduceBitOr:
      return ReduceOp::kBitOr;
    case hfreduceBitXor:
      return ReduceOp::kBitXor;
    default:
      return Status(Code::kInvalidArgument,
                    fmt::format("there is no operation {}", static_cast<int>(op)));
  }
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
