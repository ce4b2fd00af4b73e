// Collectives and requests.
#include <fmt/core.h>

#include <cstdint>

#include "api/config.h"
#include "api/created_ops.h"
#include "api/group.h"
#include "api/guard.h"
#include "api/objects.h"
#include "api/types.h"

using namespace hfreduce;
using namespace hfreduce::api;

namespace hfreduce::api {
namespace {

// The C arguments of one collective.
struct Arguments {
  algorithms::Collective collective;
  const void* send;
  void* receive;
  size_t count;
  hfreduceDataType_t type;
  hfreduceRedOp_t op;
  int root;
  hfreduceComm_t comm;
};

// The same arguments in the words of the inside, where they mean something.
Status translate(const Arguments& args, comm::CollectiveCall& call) {
  HFR_ASSIGN(call.type, data_type_of(args.type));
  if (args.collective != algorithms::Collective::kAllReduce) return {};
  if (args.op < hfreduceFirstCreatedOp) {
    HFR_ASSIGN(call.op, reduce_op_of(args.op));
    return check_pair(call.type, call.op);
  }
  HFR_ASSIGN(const CreatedOp created, created_ops().find(args.op, args.comm));
  if (created.type != call.type) {
    return Status(Code::kInvalidArgument,
                  fmt::format("operation {} was made for {}, and the call is of {}",
                              static_cast<int>(args.op), kernels::name_of(created.type),
                              kernels::name_of(call.type)));
  }
  call.op = kernels::ReduceOp::kPreMulSum;
  call.scalar = created.scalar;
  return {};
}

Status check_count(std::size_t count, kernels::DataType type) {
  if (count <= PTRDIFF_MAX / kernels::size_of(type)) return {};
  return Status(Code::kInvalidArgument, fmt::format("count {}: more than memory can hold", count));
}

Status check_given(const Arguments& args, bool reads_send) {
  if (args.count == 0) return {};
  if (args.receive == nullptr) return null_argument("recvbuff");
  if (reads_send && args.send == nullptr) return null_argument("sendbuff");
  return {};
}

inline bool are_apart(const Arguments& args, std::size_t bytes) {
  const auto send = reinterpret_cast<std::uintptr_t>(args.send),
             receive = reinterpret_cast<std::uintptr_t>(args.receive);
  return send >= receive + bytes || receive >= send + bytes;
}

Status check_apart(const Arguments& args, std::size_t bytes) {
  if (args.send == args.receive || are_apart(args, bytes)) return {};
  return Status(
      Code::kInvalidArgument,
      "sendbuff and recvbuff overlap in part: give the same pointer (in place) or apart ones");
}

Status check(const Arguments& args, kernels::DataType type, const comm::Comm& comm) {
  const bool reduces = args.collective == algorithms::Collective::kAllReduce;
  if (!reduces && (args.root < 0 || args.root >= comm.ranks())) {
    return Status(Code::kInvalidArgument,
                  fmt::format("root {}: must be from 0 to {}", args.root, comm.ranks() - 1));
  }
  const bool reads_send = reduces || args.root == comm.rank();
  HFR_TRY(check_given(args, reads_send));
  HFR_TRY(check_count(args.count, type));
  return reads_send ? check_apart(args, args.count * kernels::size_of(type)) : Status();
}

// The call that the arguments make, as far as one rank can check them.
Status check_call(const Arguments& args, const comm::Comm& comm, comm::CollectiveCall* call) {
  HFR_TRY(translate(args, *call));
  HFR_TRY(check(args, call->type, comm));
  call->collective = args.collective;
  call->send = args.send;
  call->receive = args.receive;
  call->count = args.count;
  call->root = args.root;
  return {};
}

Result<PendingCall> checked(const Arguments& args, const hfreduceCallConfig_t* config) {
  PendingCall pending;
  pending.handle = args.comm;
  pending.comm = comms().pin(args.comm);
  if (!pending.comm) return bad_handle("communicator");
  comm::CollectiveCall& call = pending.call;
  HFR_TRY(check_call(args, *pending.comm, &call));
  hfreduceCallConfig_t full = HFREDUCE_CALL_CONFIG_INITIALIZER;
  HFR_TRY(read_struct(config, "HFREDUCE_CALL_CONFIG_INITIALIZER", full));
  if (full.stream != nullptr) {
    return Status(Code::kInvalidUsage, "a communicator of host memory takes no stream: pass NULL");
  }
  if (full.timeout_ms != HFREDUCE_CONFIG_UNDEF_INT && full.timeout_ms <= 0) {
    return Status(Code::kInvalidArgument,
                  fmt::format("timeout_ms {}: must be positive", full.timeout_ms));
  }
  if (full.request != nullptr) *full.request = nullptr;
  pending.request = full.request;
  if (full.timeout_ms != HFREDUCE_CONFIG_UNDEF_INT) call.timeout_ms = full.timeout_ms;
  if (full.algorithm != nullptr) pending.algorithm = full.algorithm;
  return pending;
}

// None of a call with a created operation, which may have been destroyed meanwhile.
comm::CallKey key_of(const Arguments& args) {
  return comm::key_of({args.collective, static_cast<kernels::DataType>(number_of(args.type)),
                       static_cast<kernels::ReduceOp>(number_of(args.op)), args.root, args.count});
}

// Whether what changes from call to call is as it was checked to be; see check().
inline bool has_right_buffers(const Arguments& args, const comm::PlannedCall& known) {
  if (args.receive == nullptr) return false;
  if (!known.reads_send || args.send == args.receive) return true;
  return args.send != nullptr && are_apart(args, known.bytes);
}

Status check_and_run(const Arguments& args, comm::Comm& comm) {
  comm::CollectiveCall call;
  HFR_TRY(check_call(args, comm, &call));
  return comm.run(call);
}

// A blocking call without options, outside a group: the way that most calls take. What does not
// change from call to call was checked when the first one was made.
Status call_at_once(const Arguments& args) {
  const CommTable::Pin comm = comms().pin(args.comm);
  if (!comm) return bad_handle("communicator");
  comm::PlannedCall* const known = comm->recall(key_of(args));
  if (known == nullptr || !has_right_buffers(args, *known)) return check_and_run(args, *comm);
  return comm->run_again(*known, {.send = args.send, .receive = args.receive});
}

Status check_and_submit(const Arguments& args, const hfreduceCallConfig_t* config) {
  HFR_ASSIGN(PendingCall pending, checked(args, config));
  return submit(std::move(pending));
}

hfreduceResult_t persistent(const Arguments& args, const hfreduceCallConfig_t* config,
                            hfreduceRequest_t* handle) {
  return guarded([&]() -> Status {
    if (handle == nullptr) return null_argument("request");
    *handle = nullptr;
    HFR_ASSIGN(PendingCall pending, checked(args, config));
    if (pending.request != nullptr) {
      return Status(
          Code::kInvalidUsage,
          "call->request: a persistent call has its request as an argument: pass NULL here");
    }
    auto request = std::make_unique<Request>();
    request->comm = pending.handle;
    const comm::CollectiveCall& call = pending.call;
    request->buffers = {call.send, call.receive, call.scalar, call.timeout_ms};
    // So that what cannot be done is refused now, not at its start.
    if (!pending.algorithm.empty()) pending.call.algorithm = pending.algorithm.c_str();
    HFR_TRY(pending.comm->plan(pending.call, &request->planned));
    *handle = requests().add(std::move(request));
    return {};
  });
}

Status start(hfreduceRequest_t handle) {
  const RequestTable::Pin request = requests().pin(handle);
  if (!request) return bad_handle("request");
  if (!request->buffers) {
    return Status(
        Code::kInvalidUsage,
        "the request is not a persistent one: hfreduceAllReduceInit and the like make those");
  }
  PendingCall pending;
  pending.persistent = handle;
  pending.handle = request->comm;
  pending.comm = comms().pin(request->comm);
  if (!pending.comm) {
    return Status(Code::kInvalidUsage,
                  "the request's communicator was destroyed: free the request");
  }
  return submit(std::move(pending));
}

hfreduceResult_t collective(const Arguments& args, const hfreduceCallConfig_t* config) {
  return guarded_in_group([&] { return check_and_submit(args, config); });
}

hfreduceResult_t collective_with(const Arguments& args, hfreduceStream_t stream) {
  hfreduceCallConfig_t config = HFREDUCE_CALL_CONFIG_INITIALIZER;
  config.stream = stream;
  return collective(args, &config);
}

hfreduceResult_t plain_collective(const Arguments& args, hfreduceStream_t stream) {
  if (stream != nullptr || in_group()) return collective_with(args, stream);
  return guarded([&] { return call_at_once(args); });
}

Status wait(hfreduceRequest_t handle) {
  const RequestTable::Pin request = requests().pin(handle);
  if (!request) return bad_handle("request");
  const executor::Operation& operation = request->planned.operation;
  if (!operation.done()) {
    const CommTable::Pin comm = comms().pin(request->comm);
    if (comm) {
      executor::Engine& engine = *comm->engine();
      {
        const std::lock_guard lock(engine.mutex());
        executor::drive_operation(engine, operation);
      }
      if (engine.outstanding()) executor::drive_in_background(engine);
    }
    // Destroyed meanwhile: its operations have ended or are about to.
    while (!operation.done()) std::this_thread::yield();
  }
  return operation.status;
}

}  // namespace
}  // namespace hfreduce::api

extern "C" {

hfreduceResult_t hfreduceAllReduce(const void* sendbuff, void* recvbuff, size_t count,
                                   hfreduceDataType_t datatype, hfreduceRedOp_t op,
                                   hfreduceComm_t comm, hfreduceStream_t stream) {
  return plain_collective(
      {algorithms::Collective::kAllReduce, sendbuff, recvbuff, count, datatype, op, -1, comm},
      stream);
}

hfreduceResult_t hfreduceAllReduceEx(const void* sendbuff, void* recvbuff, size_t count,
                                     hfreduceDataType_t datatype, hfreduceRedOp_t op,
                                     hfreduceComm_t comm, const hfreduceCallConfig_t* call) {
  return collective(
      {algorithms::Collective::kAllReduce, sendbuff, recvbuff, count, datatype, op, -1, comm},
      call);
}

hfreduceResult_t hfreduceBroadcast(const void* sendbuff, void* recvbuff, size_t count,
                                   hfreduceDataType_t datatype, int root, hfreduceComm_t comm,
                                   hfreduceStream_t stream) {
  return plain_collective({algorithms::Collective::kBroadcast, sendbuff, recvbuff, count, datatype,
                           hfreduceSum, root, comm},
                          stream);
}

hfreduceResult_t hfreduceBroadcastEx(const void* sendbuff, void* recvbuff, size_t count,
                                     hfreduceDataType_t datatype, int root, hfreduceComm_t comm,
                                     const hfreduceCallConfig_t* call) {
  return collective({algorithms::Collective::kBroadcast, sendbuff, recvbuff, count, datatype,
                     hfreduceSum, root, comm},
                    call);
}

hfreduceResult_t hfreduceAllReduceInit(const void* sendbuff, void* recvbuff, size_t count,
                                       hfreduceDataType_t datatype, hfreduceRedOp_t op,
                                       hfreduceComm_t comm, const hfreduceCallConfig_t* call,
                                       hfreduceRequest_t* request) {
  return persistent(
      {algorithms::Collective::kAllReduce, sendbuff, recvbuff, count, datatype, op, -1, comm}, call,
      request);
}

hfreduceResult_t hfreduceBroadcastInit(const void* sendbuff, void* recvbuff, size_t count,
                                       hfreduceDataType_t datatype, int root, hfreduceComm_t comm,
                                       const hfreduceCallConfig_t* call,
                                       hfreduceRequest_t* request) {
  return persistent({algorithms::Collective::kBroadcast, sendbuff, recvbuff, count, datatype,
                     hfreduceSum, root, comm},
                    call, request);
}

hfreduceResult_t hfreduceRequestStart(hfreduceRequest_t request) {
  return guarded_in_group([&] { return start(request); });
}

hfreduceResult_t hfreduceRequestTest(hfreduceRequest_t request, int* done) {
  return guarded([&]() -> Status {
    if (done == nullptr) return null_argument("done");
    const RequestTable::Pin pin = requests().pin(request);
    if (!pin) return bad_handle("request");
    const executor::Operation& operation = pin->planned.operation;
    *done = operation.done() ? 1 : 0;
    return *done != 0 ? operation.status : Status();
  });
}

hfreduceResult_t hfreduceRequestWait(hfreduceRequest_t request) {
  return guarded([&] { return wait(request); });
}

hfreduceResult_t hfreduceRequestFree(hfreduceRequest_t request) {
  return guarded([&]() -> Status {
    {
      const RequestTable::Pin pin = requests().pin(request);
      if (!pin) return bad_handle("request");
      if (!pin->planned.operation.done()) {
        return Status(Code::kInvalidUsage,
                      "the request is still active: wait for it, or abort its communicator, before "
                      "freeing it");
      }
    }
    return requests().remove(request, [](Request&) {}) != nullptr ? Status()
                                                                  : bad_handle("request");
  });
}

}  // extern "C"
