// The C API, with failures as sentences.
#pragma once

#include <hfreduce.h>

#include <memory>
#include <string>

#include "kinds.h"

namespace hfreduce::perf {

struct DestroyComm {
  void operator()(hfreduceComm_t comm) const noexcept { hfreduceCommDestroy(comm); }
};
using Comm = std::unique_ptr<hfreduceComm, DestroyComm>;

// Throws what the library says about `comm` (NULL: about this thread's last call) unless all is
// well.
void must(hfreduceResult_t result, hfreduceComm_t comm, const char* what);

struct Call {
  Collective collective = Collective::kAllReduce;
  const void* send = nullptr;
  void* receive = nullptr;
  std::size_t count = 0;
  hfreduceDataType_t type = hfreduceFloat32;
  hfreduceRedOp_t op = hfreduceSum;
  int root = 0;
  std::string algorithm;  // empty: the library chooses
};
hfreduceResult_t make_call(const Call& call, hfreduceComm_t comm);
// The same, only started.
hfreduceResult_t start_call(const Call& call, hfreduceComm_t comm, hfreduceRequest_t* request);

// One call, made over and over: each time anew, or planned once as a persistent request.
class Repeated {
 public:
  Repeated(const Call& call, hfreduceComm_t comm, bool persistent);
  ~Repeated();
  Repeated(const Repeated&) = delete;
  Repeated& operator=(const Repeated&) = delete;

  hfreduceResult_t operator()() const;

 private:
  Call call_;
  hfreduceComm_t comm_;
  hfreduceRequest_t request_ = nullptr;
};

// What hfreduceCommGetInfo tells, as JSON; empty: nothing.
std::string info_of(hfreduceComm_t comm, const char* key);
// The algorithm of the last call.
std::string algorithm_of(hfreduceComm_t comm);
std::string library_version();

}  // namespace hfreduce::perf
