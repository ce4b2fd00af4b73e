// What is declared in its final form and not built yet. Each says so by name.
#include "api/guard.h"

using hfreduce::Status;
using hfreduce::api::guarded;
using hfreduce::api::not_supported;

extern "C" {

hfreduceResult_t hfreduceCommInitRankScalable(hfreduceComm_t*, int, int, int,
                                              const hfreduceUniqueId*, const hfreduceConfig_t*) {
  return guarded([] { return not_supported("hfreduceCommInitRankScalable"); });
}
hfreduceResult_t hfreduceCommShrink(hfreduceComm_t, const int*, int, hfreduceComm_t*,
                                    const hfreduceConfig_t*, int) {
  return guarded([] { return not_supported("hfreduceCommShrink"); });
}
hfreduceResult_t hfreduceCommGetUniqueId(hfreduceComm_t, hfreduceUniqueId*) {
  return guarded([] { return not_supported("hfreduceCommGetUniqueId"); });
}
hfreduceResult_t hfreduceCommGrow(hfreduceComm_t, int, const hfreduceUniqueId*, int,
                                  hfreduceComm_t*, const hfreduceConfig_t*) {
  return guarded([] { return not_supported("hfreduceCommGrow"); });
}
hfreduceResult_t hfreduceCommRevoke(hfreduceComm_t, int) {
  return guarded([] { return not_supported("hfreduceCommRevoke"); });
}
hfreduceResult_t hfreduceCommSuspend(hfreduceComm_t, int) {
  return guarded([] { return not_supported("hfreduceCommSuspend"); });
}
hfreduceResult_t hfreduceCommResume(hfreduceComm_t) {
  return guarded([] { return not_supported("hfreduceCommResume"); });
}

}  // extern "C"
