// The library itself: version, names of errors, logger, memory, groups.
#include "api/config.h"
#include "api/group.h"
#include "api/guard.h"
#include "base/log.h"
#include "memory/host_allocations.h"

using namespace hfreduce;
using namespace hfreduce::api;

static_assert(sizeof(hfreduceUniqueId) == HFREDUCE_UNIQUE_ID_BYTES);
#define HFR_CODE(name, value, c_name, meaning) \
  static_assert(static_cast<int>(Code::name) == c_name);
#include "base/codes.inc"
#undef HFR_CODE

extern "C" {

hfreduceResult_t hfreduceGetVersion(int* version) {
  return guarded([&]() -> Status {
    if (version == nullptr) return null_argument("version");
    *version = HFREDUCE_VERSION_CODE;
    return {};
  });
}

const char* hfreduceGetErrorString(hfreduceResult_t result) { return code_meaning(result); }

hfreduceResult_t hfreduceSetLogger(hfreduceLogFn fn, void* user) {
  return guarded([&]() -> Status {
    if (fn == nullptr) {
      set_log_sink({});
    } else {
      set_log_sink([fn, user](LogLevel level, const char* part, const char* message) {
        fn(static_cast<hfreduceLogLevel_t>(level), part, message, user);
      });
    }
    return {};
  });
}

hfreduceResult_t hfreduceGroupStart(void) {
  return guarded([]() -> Status {
    group_start();
    return {};
  });
}

hfreduceResult_t hfreduceGroupEnd(void) {
  return guarded([] { return group_end(); });
}

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

}  // extern "C"
