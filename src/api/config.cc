#include "api/config.h"

#include <dlfcn.h>
#include <fmt/core.h>

namespace hfreduce::api {
namespace {

// Whether this thread has a current CUDA context, found out without loading anything.
bool cuda_in_use() {
  void* library = dlopen("libcuda.so.1", RTLD_NOLOAD | RTLD_LAZY);
  if (library == nullptr) return false;
  using GetCurrent = int (*)(void**);
  const auto get_current = reinterpret_cast<GetCurrent>(dlsym(library, "cuCtxGetCurrent"));
  void* context = nullptr;
  const bool current = get_current != nullptr && get_current(&context) == 0 && context != nullptr;
  dlclose(library);
  return current;
}

Status check_device(int device) {
  if (device == HFREDUCE_DEVICE_HOST) return {};
  if (device == HFREDUCE_DEVICE_AUTO) {
    if (!cuda_in_use()) return {};
    return Status(Code::kNotSupported,
                  "this thread uses a CUDA device, and device memory is not supported yet: set "
                  "config.device to "
                  "HFREDUCE_DEVICE_HOST for a communicator of host memory");
  }
  if (device < 0) {
    return Status(
        Code::kInvalidArgument,
        fmt::format("device {}: must be HFREDUCE_DEVICE_HOST, HFREDUCE_DEVICE_AUTO or an ordinal",
                    device));
  }
  return Status(Code::kNotSupported,
                fmt::format("device {}: device memory is not supported yet", device));
}

Status read_timeout(int value, const char* name, std::int64_t& field) {
  if (value == HFREDUCE_CONFIG_UNDEF_INT) return {};
  if (value <= 0)
    return Status(Code::kInvalidArgument, fmt::format("{} {}: must be positive", name, value));
  field = value;
  return {};
}

Status apply(const hfreduceConfig_t& config, comm::CommOptions& options) {
  HFR_TRY(check_device(config.device));
  if (config.blocking != HFREDUCE_CONFIG_UNDEF_INT && config.blocking != 1) {
    return Status(config.blocking == 0 ? Code::kNotSupported : Code::kInvalidArgument,
                  fmt::format("blocking {}: only 1 is supported yet", config.blocking));
  }
  HFR_TRY(read_timeout(config.timeout_ms, "timeout_ms", options.timeout_ms));
  HFR_TRY(read_timeout(config.init_timeout_ms, "init_timeout_ms", options.init_timeout_ms));
  if (config.name != nullptr) options.name = config.name;
  return {};
}

}  // namespace

Result<comm::CommOptions> make_options(const hfreduceConfig_t* config) {
  comm::CommOptions options;
  options.settings = Settings::from_environment(options.refusal);
  options.timeout_ms = options.settings.timeout_ms;
  options.init_timeout_ms = options.settings.init_timeout_ms;
  return make_options(config, options);
}

Result<comm::CommOptions> make_options(const hfreduceConfig_t* config,
                                       const comm::CommOptions& parent) {
  comm::CommOptions options = parent;
  hfreduceConfig_t full = HFREDUCE_CONFIG_INITIALIZER;
  HFR_TRY(read_struct(config, "HFREDUCE_CONFIG_INITIALIZER", full));
  if (Status status = apply(full, options); !status.ok() && options.refusal.ok())
    options.refusal = std::move(status);
  return options;
}

}  // namespace hfreduce::api
