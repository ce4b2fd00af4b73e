// What stands behind the handles.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "api/handles.h"
#include "comm/comm.h"
#include "hfreduce.h"

namespace hfreduce::api {

struct Request {
  executor::Operation operation;
  hfreduceComm_t comm = nullptr;
  // A persistent one is done until it is started, and starts this call; else empty.
  std::optional<comm::CollectiveCall> call;
  std::string algorithm;  // forced by that call
};

using CommTable = HandleTable<comm::Comm, hfreduceComm_t>;
using RequestTable = HandleTable<Request, hfreduceRequest_t>;

// The process's handles; never destroyed, so that a late caller is refused and not crashed.
CommTable& comms();
RequestTable& requests();

}  // namespace hfreduce::api
