// Created operations.
#include <fmt/core.h>

#include <cstring>

#include "api/created_ops.h"
#include "api/guard.h"
#include "api/objects.h"
#include "api/types.h"

using namespace hfreduce;
using namespace hfreduce::api;

namespace {

Status check_residence(hfreduceScalarResidence_t residence) {
  if (residence == hfreduceScalarHostImmediate) return {};
  if (residence == hfreduceScalarDevice) {
    return Status(Code::kNotSupported,
                  "a scalar in device memory: communicators of host memory take "
                  "hfreduceScalarHostImmediate, and others are not supported yet");
  }
  return Status(Code::kInvalidArgument,
                fmt::format("there is no scalar residence {}", static_cast<int>(residence)));
}

Status create(hfreduceRedOp_t* op, const void* scalar, hfreduceDataType_t datatype,
              hfreduceScalarResidence_t residence, hfreduceComm_t comm) {
  if (op == nullptr) return null_argument("op");
  if (scalar == nullptr) return null_argument("scalar");
  const CommTable::Pin pin = comms().pin(comm);  // until its operation is in the table
  if (!pin) return bad_handle("communicator");
  HFR_TRY(check_residence(residence));
  CreatedOp created;
  created.comm = comm;
  HFR_ASSIGN(created.type, data_type_of(datatype));
  std::memcpy(&created.scalar, scalar, kernels::size_of(created.type));
  *op = created_ops().add(created);
  return {};
}

Status destroy(hfreduceRedOp_t op, hfreduceComm_t comm) {
  if (!comms().pin(comm)) return bad_handle("communicator");
  if (op < hfreduceFirstCreatedOp) {
    return Status(Code::kInvalidArgument,
                  fmt::format("operation {} was not created: only those of "
                              "hfreduceRedOpCreatePreMulSum can be destroyed",
                              static_cast<int>(op)));
  }
  return created_ops().remove(op, comm);
}

}  // namespace

extern "C" {

hfreduceResult_t hfreduceRedOpCreatePreMulSum(hfreduceRedOp_t* op, void* scalar,
                                              hfreduceDataType_t datatype,
                                              hfreduceScalarResidence_t residence,
                                              hfreduceComm_t comm) {
  return guarded([&] { return create(op, scalar, datatype, residence, comm); });
}

hfreduceResult_t hfreduceRedOpDestroy(hfreduceRedOp_t op, hfreduceComm_t comm) {
  return guarded([&] { return destroy(op, comm); });
}

}  // extern "C"
