#include "bootstrap/pmix.h"

#include <dlfcn.h>
#include <fmt/core.h>

#include <cstdlib>
#include <cstring>
#include <memory>

#include "base/log.h"

namespace hfreduce::bootstrap {
namespace {

// The few types, values and functions of the PMIx standard (version 2 and later) that are needed.
struct Process {
  char name_space[256];
  std::uint32_t rank;
};
struct Value {
  std::uint16_t type;
  union {
    char* text;
    std::uint32_t number;
    char room[64];  // more than any version's union
  } data;
};
constexpr std::uint16_t kString = 3, kUint32 = 14;
constexpr std::uint8_t kGlobal = 3;
constexpr std::uint32_t kAllRanks = UINT32_MAX - 1;
constexpr char kJobSize[] = "pmix.job.size";
constexpr char kKey[] = "hfreduce.unique_id";

struct Library {
  int (*init)(Process*, void* info, std::size_t infos) = nullptr;
  int (*finalize)(const void* info, std::size_t infos) = nullptr;
  int (*put)(std::uint8_t scope, const char* key, Value*) = nullptr;
  int (*commit)() = nullptr;
  int (*fence)(const Process*, std::size_t, const void* info, std::size_t infos) = nullptr;
  int (*get)(const Process*, const char* key, const void* info, std::size_t infos,
             Value**) = nullptr;
  const char* (*error_text)(int) = nullptr;
};

template <typename Function>
bool load(void* handle, const char* name, Function& function) {
  void* const symbol = dlsym(handle, name);
  std::memcpy(&function, &symbol, sizeof symbol);
  return symbol != nullptr;
}

std::optional<Library> open_library() {
  void* const handle = dlopen("libpmix.so.2", RTLD_NOW | RTLD_LOCAL);  // stays open
  if (handle == nullptr) {
    HFR_LOG(kInfo, "join", "the launcher speaks PMIx, but its library is not here: {}", dlerror());
    return std::nullopt;
  }
  Library library;
  if (load(handle, "PMIx_Init", library.init) && load(handle, "PMIx_Finalize", library.finalize) &&
      load(handle, "PMIx_Put", library.put) && load(handle, "PMIx_Commit", library.commit) &&
      load(handle, "PMIx_Fence", library.fence) && load(handle, "PMIx_Get", library.get) &&
      load(handle, "PMIx_Error_string", library.error_text)) {
    return library;
  }
  HFR_LOG(kInfo, "join", "libpmix.so.2 lacks a function: {}", dlerror());
  return std::nullopt;
}

class Client {
 public:
  Client(const Library& library, const Process& self) : library_(library), self_(self) {}

  Result<std::int32_t> job_size() const {
    HFR_ASSIGN(const auto value, get(kAllRanks, kJobSize));
    if (value->type != kUint32) return Status(Code::kSystemError, "PMIx knows no job size");
    return static_cast<std::int32_t>(value->data.number);
  }
  Status publish(std::string text) const {
    Value value{};
    value.type = kString;
    value.data.text = text.data();
    HFR_TRY(check("PMIx_Put", library_.put(kGlobal, kKey, &value)));
    return check("PMIx_Commit", library_.commit());
  }
  Status fence() const { return check("PMIx_Fence", library_.fence(nullptr, 0, nullptr, 0)); }
  Result<std::string> published() const {
    HFR_ASSIGN(const auto value, get(0, kKey));
    if (value->type != kString || value->data.text == nullptr) {
      return Status(Code::kSystemError, "PMIx_Get: rank 0 has published something else");
    }
    std::string text = value->data.text;
    std::free(value->data.text);
    return text;
  }

 private:
  using Owned = std::unique_ptr<Value, void (*)(void*)>;
  Result<Owned> get(std::uint32_t rank, const char* key) const {
    Process whom = self_;
    whom.rank = rank;
    Value* value = nullptr;
    HFR_TRY(check("PMIx_Get", library_.get(&whom, key, nullptr, 0, &value)));
    if (value == nullptr) return Status(Code::kSystemError, "PMIx_Get gave nothing");
    return Owned(value, std::free);
  }
  Status check(const char* what, int code) const {
    if (code == 0) return {};
    return Status(Code::kSystemError, fmt::format("{}: {}", what, library_.error_text(code)));
  }
  const Library& library_;
  const Process& self_;
};

Result<PmixJob> share(const Client& client, std::uint32_t rank,
                      const std::function<Result<std::string>()>& make) {
  PmixJob job;
  job.rank = static_cast<std::int32_t>(rank);
  HFR_ASSIGN(job.ranks, client.job_size());
  if (job.ranks == 1) return job;
  Status made;
  if (rank == 0) {
    auto value = make();
    // The others wait in the fence whatever became of it.
    made = client.publish(value.ok() ? *value : "");
    if (!value.ok()) made = value.status();
  }
  const Status fenced = client.fence();
  HFR_TRY(made);
  HFR_TRY(fenced);
  HFR_ASSIGN(job.value, client.published());
  // Nobody may take the store down while others still read it.
  HFR_TRY(client.fence());
  return job;
}

}  // namespace

Result<std::optional<PmixJob>> share_by_pmix(const std::function<Result<std::string>()>& make) {
  const auto library = open_library();
  if (!library) return std::optional<PmixJob>();
  Process self{};
  const int code = library->init(&self, nullptr, 0);
  if (code != 0) {
    HFR_LOG(kInfo, "join", "PMIx_Init: {}; going by environment variables",
            library->error_text(code));
    return std::optional<PmixJob>();
  }
  auto job = share(Client(*library, self), self.rank, make);
  // Counted by the library: an MPI in the same process goes on using it. Without this the launcher
  // would take the end of this process for a crash.
  library->finalize(nullptr, 0);
  if (!job.ok()) return job.status();
  return std::optional(std::move(*job));
}

}  // namespace hfreduce::bootstrap
