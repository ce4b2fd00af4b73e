// The library itself: version, names of errors, logger, groups.
#include "api/group.h"
#include "api/guard.h"
#include "base/log.h"

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

}  // extern "C"
