// Memory that peers can map: given by the library, or the caller's own and registered.
#include "api/config.h"
#include "api/guard.h"
#include "api/objects.h"
#include "memory/host_allocations.h"

using namespace hfreduce;
using namespace hfreduce::api;

namespace {

// The number of a registered object is its handle.
void* handle_of(std::uint64_t id) {
  return reinterpret_cast<void*>(static_cast<std::uintptr_t>(id));
}
std::uint64_t id_of(void* handle) { return reinterpret_cast<std::uintptr_t>(handle); }

Status check_comm(hfreduceComm_t comm) {
  return comms().pin(comm) ? Status() : bad_handle("communicator");
}

}  // namespace

extern "C" {

hfreduceResult_t hfreduceMemAlloc(void** ptr, size_t size, const hfreduceMemConfig_t* config) {
  return guarded([&]() -> Status {
    if (ptr == nullptr) return null_argument("ptr");
    *ptr = nullptr;
    hfreduceMemConfig_t full = HFREDUCE_MEM_CONFIG_INITIALIZER;
    HFR_TRY(read_struct(config, "HFREDUCE_MEM_CONFIG_INITIALIZER", full));
    if (full.kind == hfreduceMemDevice) return not_supported("device memory");
    if (full.kind != hfreduceMemHost)
      return Status(Code::kInvalidArgument, "kind must be hfreduceMemHost or hfreduceMemDevice");
    const int node = full.numa_node == HFREDUCE_CONFIG_UNDEF_INT ? -1 : full.numa_node;
    HFR_ASSIGN(*ptr, memory::allocate_host(size, full.page_size, node));
    return {};
  });
}

hfreduceResult_t hfreduceMemFree(void* ptr) {
  return guarded([&]() -> Status { return ptr == nullptr ? Status() : memory::free_host(ptr); });
}

hfreduceResult_t hfreduceCommRegister(hfreduceComm_t, void*, size_t, void**) {
  return guarded([] { return not_supported("hfreduceCommRegister"); });
}

hfreduceResult_t hfreduceCommRegisterMapping(hfreduceComm_t comm, void* buffer, size_t size, int fd,
                                             size_t offset, void** handle) {
  return guarded([&]() -> Status {
    if (buffer == nullptr) return null_argument("buffer");
    if (handle == nullptr) return null_argument("handle");
    *handle = nullptr;
    HFR_TRY(check_comm(comm));
    HFR_ASSIGN(const std::uint64_t id, memory::host_allocations().adopt(buffer, size, fd, offset));
    *handle = handle_of(id);
    return {};
  });
}

hfreduceResult_t hfreduceCommDeregister(hfreduceComm_t comm, void* handle) {
  return guarded([&]() -> Status {
    HFR_TRY(check_comm(comm));
    return memory::host_allocations().release(id_of(handle));
  });
}

}  // extern "C"
