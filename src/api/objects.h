// What stands behind the handles.
#pragma once

#include <memory>
#include <optional>

#include "api/handles.h"
#include "comm/comm.h"
#include "hfreduce.h"

namespace hfreduce::api {

struct Request {
  comm::PlannedCall planned;  // its operation; a persistent one is done until it is started
  hfreduceComm_t comm = nullptr;
  std::optional<comm::Comm::Buffers> buffers;  // of a persistent one; else empty
};

using CommTable = HandleTable<comm::Comm, hfreduceComm_t>;
using RequestTable = HandleTable<Request, hfreduceRequest_t>;

// The process's handles; never destroyed, so that a late caller is refused and not crashed.
CommTable& comms();
RequestTable& requests();

}  // namespace hfreduce::api
