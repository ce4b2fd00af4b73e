// Joining, and a communicator's life.
#include <fmt/core.h>

#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include "api/config.h"
#include "api/created_ops.h"
#include "api/group.h"
#include "api/guard.h"
#include "api/objects.h"
#include "bootstrap/from_env.h"

using namespace hfreduce;
using namespace hfreduce::api;

namespace hfreduce::api {

CommTable& comms() {
  static CommTable* table = new CommTable;
  return *table;
}

RequestTable& requests() {
  static RequestTable* table = new RequestTable;
  return *table;
}

namespace {

Status check_membership(int nranks, int rank) {
  if (nranks < 1 || nranks > bootstrap::kMostRanks) {
    return Status(Code::kInvalidArgument,
                  fmt::format("nranks {}: must be from 1 to {}", nranks, bootstrap::kMostRanks));
  }
  if (rank < 0 || rank >= nranks) {
    return Status(Code::kInvalidArgument,
                  fmt::format("rank {}: must be from 0 to {}", rank, nranks - 1));
  }
  return {};
}

Status join_into(hfreduceComm_t* comm, const comm::Membership& membership,
                 const comm::CommOptions& options) {
  HFR_ASSIGN(auto joined, comm::Comm::join(membership, options));
  *comm = comms().add(std::move(joined));
  return {};
}

Status unpack(const hfreduceUniqueId& id, bootstrap::UniqueId& to) {
  HFR_ASSIGN(to, bootstrap::UniqueId::unpack(
                     std::span<const char, bootstrap::UniqueId::kBytes>(id.internal)));
  return {};
}

Status init_rank(hfreduceComm_t* comm, int nranks, const hfreduceUniqueId& id, int rank,
                 const hfreduceConfig_t* config) {
  if (comm == nullptr) return null_argument("comm");
  *comm = nullptr;
  HFR_TRY(check_membership(nranks, rank));
  comm::Membership membership;
  membership.rank = rank;
  membership.ranks = nranks;
  HFR_TRY(unpack(id, membership.id));
  HFR_ASSIGN(comm::CommOptions options, make_options(config));
  return submit_setup([=] { return join_into(comm, membership, options); });
}

Status init_all(hfreduceComm_t* all, int n, const int* devices) {
  if (all == nullptr) return null_argument("comms");
  HFR_TRY(check_membership(n, 0));
  std::fill(all, all + n, nullptr);
  HFR_ASSIGN(const comm::CommOptions base, make_options(nullptr));
  comm::Membership membership;
  membership.ranks = n;
  if (n > 1) {
    HFR_ASSIGN(membership.id, bootstrap::open_rendezvous(base.settings));
  }
  std::vector<std::function<Status()>> joins;
  for (int i = 0; i < n; ++i) {
    hfreduceConfig_t config = HFREDUCE_CONFIG_INITIALIZER;
    if (devices != nullptr) config.device = devices[i];
    HFR_ASSIGN(const comm::CommOptions options, make_options(&config));
    membership.rank = i;
    joins.push_back([=] { return join_into(all + i, membership, options); });
  }
  return submit_setup([=] {
    Status status = run_together(joins);
    for (int i = 0; !status.ok() && i < n; ++i) {
      if (all[i] != nullptr) hfreduceCommDestroy(std::exchange(all[i], nullptr));
    }
    return status;
  });
}

Status init_from_env(hfreduceComm_t* comm, const hfreduceConfig_t* config) {
  if (comm == nullptr) return null_argument("comm");
  *comm = nullptr;
  HFR_ASSIGN(comm::CommOptions options, make_options(config));
  auto base = bootstrap::join_from_environment(options.settings);
  if (!base.ok()) return options.refusal.ok() ? base.status() : options.refusal;
  const bootstrap::EnvJoin join = std::move(base).value();
  return submit_setup([=] { return join_into(comm, {join.id, join.rank, join.ranks}, options); });
}

Status split(hfreduceComm_t parent, int color, int key, hfreduceComm_t* newcomm,
             const hfreduceConfig_t* config) {
  if (newcomm == nullptr) return null_argument("newcomm");
  *newcomm = nullptr;
  if (color < 0 && color != HFREDUCE_SPLIT_NOCOLOR) {
    return Status(Code::kInvalidArgument,
                  fmt::format("color {}: must be 0 or more, or HFREDUCE_SPLIT_NOCOLOR", color));
  }
  const CommTable::Pin pin = comms().pin(parent);
  if (!pin) return bad_handle("communicator");
  HFR_ASSIGN(comm::CommOptions options, make_options(config, pin->options()));
  return submit_setup([=]() -> Status {
    const CommTable::Pin again = comms().pin(parent);
    if (!again) return bad_handle("communicator");
    HFR_ASSIGN(auto child, again->split(color, key, options));
    if (child != nullptr) *newcomm = comms().add(std::move(child));
    return {};
  });
}

// Calls `body` with the pinned communicator.
template <typename Body>
hfreduceResult_t with_comm(hfreduceComm_t comm, Body&& body) {
  return guarded([&]() -> Status {
    const CommTable::Pin pin = comms().pin(comm);
    if (!pin) return bad_handle("communicator");
    return body(*pin);
  });
}

Status give(int* to, const char* name, int value) {
  if (to == nullptr) return null_argument(name);
  *to = value;
  return {};
}

}  // namespace
}  // namespace hfreduce::api

extern "C" {

hfreduceResult_t hfreduceGetUniqueId(hfreduceUniqueId* id) {
  return guarded([&]() -> Status {
    if (id == nullptr) return null_argument("id");
    HFR_ASSIGN(const Settings settings, Settings::from_environment());
    HFR_ASSIGN(const bootstrap::UniqueId made, bootstrap::open_rendezvous(settings));
    const auto packed = made.pack();
    std::memcpy(id->internal, packed.data(), packed.size());
    return {};
  });
}

hfreduceResult_t hfreduceCommInitRank(hfreduceComm_t* comm, int nranks, hfreduceUniqueId id,
                                      int rank) {
  return hfreduceCommInitRankConfig(comm, nranks, id, rank, nullptr);
}

hfreduceResult_t hfreduceCommInitRankConfig(hfreduceComm_t* comm, int nranks, hfreduceUniqueId id,
                                            int rank, const hfreduceConfig_t* config) {
  return guarded_in_group([&] { return init_rank(comm, nranks, id, rank, config); });
}

hfreduceResult_t hfreduceCommInitAll(hfreduceComm_t* all, int n, const int* devices) {
  return guarded_in_group([&] { return init_all(all, n, devices); });
}

hfreduceResult_t hfreduceCommInitFromEnv(hfreduceComm_t* comm, const hfreduceConfig_t* config) {
  return guarded_in_group([&] { return init_from_env(comm, config); });
}

hfreduceResult_t hfreduceCommSplit(hfreduceComm_t comm, int color, int key, hfreduceComm_t* newcomm,
                                   const hfreduceConfig_t* config) {
  return guarded_in_group([&] { return split(comm, color, key, newcomm, config); });
}

hfreduceResult_t hfreduceCommFinalize(hfreduceComm_t comm) {
  return with_comm(comm, [](comm::Comm& it) { return it.finalize(); });
}

hfreduceResult_t hfreduceCommDestroy(hfreduceComm_t comm) {
  return guarded([&]() -> Status {
    // Who is still inside a call on another thread is made to leave it.
    const auto gone = comms().remove(comm, [](comm::Comm& it) {
      if (it.engine() != nullptr && it.engine()->outstanding()) it.abort();
    });
    if (gone == nullptr) return bad_handle("communicator");
    created_ops().remove_all(comm);
    return {};
  });
}

hfreduceResult_t hfreduceCommAbort(hfreduceComm_t comm) {
  return with_comm(comm, [](comm::Comm& it) -> Status {
    it.abort();
    return {};
  });
}

hfreduceResult_t hfreduceCommCount(hfreduceComm_t comm, int* count) {
  return with_comm(comm, [&](comm::Comm& it) { return give(count, "count", it.ranks()); });
}

hfreduceResult_t hfreduceCommUserRank(hfreduceComm_t comm, int* rank) {
  return with_comm(comm, [&](comm::Comm& it) { return give(rank, "rank", it.rank()); });
}

hfreduceResult_t hfreduceCommDevice(hfreduceComm_t comm, int* device) {
  return with_comm(comm, [&](comm::Comm&) { return give(device, "device", HFREDUCE_DEVICE_HOST); });
}

hfreduceResult_t hfreduceCommGetAsyncError(hfreduceComm_t comm, hfreduceResult_t* result) {
  return with_comm(comm, [&](comm::Comm& it) -> Status {
    if (result == nullptr) return null_argument("result");
    *result = static_cast<hfreduceResult_t>(it.failure().code());
    return {};
  });
}

hfreduceResult_t hfreduceCommGetErrorInfo(hfreduceComm_t comm, hfreduceErrorInfo_t* info) {
  return guarded([&]() -> Status {
    if (info == nullptr) return null_argument("info");
    hfreduceErrorInfo_t probe = HFREDUCE_ERROR_INFO_INITIALIZER;
    HFR_TRY(read_struct(info, "HFREDUCE_ERROR_INFO_INITIALIZER", probe));
    if (comm == nullptr) {
      fill_error_info(last_failure(), info);
      return {};
    }
    const CommTable::Pin pin = comms().pin(comm);
    if (!pin) return bad_handle("communicator");
    fill_error_info(pin->failure(), info);
    return {};
  });
}

hfreduceResult_t hfreduceCommGetInfo(hfreduceComm_t comm, const char* key, char* buffer,
                                     size_t* size) {
  return with_comm(comm, [&](comm::Comm& it) -> Status {
    if (key == nullptr) return null_argument("key");
    if (size == nullptr) return null_argument("size");
    HFR_ASSIGN(const std::string text, it.info(key));
    const std::size_t capacity = std::exchange(*size, text.size() + 1);
    if (buffer == nullptr) return {};
    if (capacity <= text.size()) {
      return Status(Code::kInvalidArgument,
                    fmt::format("info '{}' needs {} bytes, the buffer has {}", key, text.size() + 1,
                                capacity));
    }
    std::memcpy(buffer, text.c_str(), text.size() + 1);
    return {};
  });
}

}  // extern "C"
