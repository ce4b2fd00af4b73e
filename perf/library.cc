#include "library.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "failure.h"

namespace hfreduce::perf {

void must(hfreduceResult_t result, hfreduceComm_t comm, const char* what) {
  if (result == hfreduceSuccess) return;
  // A communicator knows what ended it; a call that was refused is only known to this thread.
  hfreduceErrorInfo_t info = HFREDUCE_ERROR_INFO_INITIALIZER;
  bool told = hfreduceCommGetErrorInfo(comm, &info) == hfreduceSuccess && info.code == result;
  if (!told && comm != nullptr) {
    told = hfreduceCommGetErrorInfo(nullptr, &info) == hfreduceSuccess && info.code == result;
  }
  told = told && info.text[0] != '\0';
  const char* name = hfreduceGetErrorString(result);
  throw Failure(told ? fmt::format("{}: {}: {}", what, name, info.text)
                     : fmt::format("{}: {}", what, name));
}

namespace {

hfreduceResult_t call_with(const Call& call, hfreduceComm_t comm,
                           const hfreduceCallConfig_t& config) {
  return call.collective == Collective::kAllReduce
             ? hfreduceAllReduceEx(call.send, call.receive, call.count, call.type, call.op, comm,
                                   &config)
             : hfreduceBroadcastEx(call.send, call.receive, call.count, call.type, call.root, comm,
                                   &config);
}

}  // namespace

hfreduceResult_t make_call(const Call& call, hfreduceComm_t comm) {
  const bool reduce = call.collective == Collective::kAllReduce;
  if (call.algorithm.empty()) {
    return reduce ? hfreduceAllReduce(call.send, call.receive, call.count, call.type, call.op, comm,
                                      nullptr)
                  : hfreduceBroadcast(call.send, call.receive, call.count, call.type, call.root,
                                      comm, nullptr);
  }
  hfreduceCallConfig_t config = HFREDUCE_CALL_CONFIG_INITIALIZER;
  config.algorithm = call.algorithm.c_str();
  return call_with(call, comm, config);
}

hfreduceResult_t start_call(const Call& call, hfreduceComm_t comm, hfreduceRequest_t* request) {
  hfreduceCallConfig_t config = HFREDUCE_CALL_CONFIG_INITIALIZER;
  if (!call.algorithm.empty()) config.algorithm = call.algorithm.c_str();
  config.request = request;
  return call_with(call, comm, config);
}

Repeated::Repeated(const Call& call, hfreduceComm_t comm, bool persistent)
    : call_(call), comm_(comm) {
  if (!persistent) return;
  hfreduceCallConfig_t config = HFREDUCE_CALL_CONFIG_INITIALIZER;
  if (!call_.algorithm.empty()) config.algorithm = call_.algorithm.c_str();
  const bool reduce = call_.collective == Collective::kAllReduce;
  must(reduce ? hfreduceAllReduceInit(call_.send, call_.receive, call_.count, call_.type, call_.op,
                                      comm_, &config, &request_)
              : hfreduceBroadcastInit(call_.send, call_.receive, call_.count, call_.type,
                                      call_.root, comm_, &config, &request_),
       comm_, "a persistent request");
}

Repeated::~Repeated() {
  if (request_ != nullptr) hfreduceRequestFree(request_);
}

hfreduceResult_t Repeated::operator()() const {
  if (request_ == nullptr) return make_call(call_, comm_);
  const hfreduceResult_t started = hfreduceRequestStart(request_);
  return started == hfreduceSuccess ? hfreduceRequestWait(request_) : started;
}

std::string info_of(hfreduceComm_t comm, const char* key) {
  std::size_t size = 0;
  if (hfreduceCommGetInfo(comm, key, nullptr, &size) != hfreduceSuccess) return "";
  std::string text(size, '\0');
  if (hfreduceCommGetInfo(comm, key, text.data(), &size) != hfreduceSuccess) return "";
  text.resize(text.find('\0') == std::string::npos ? text.size() : text.find('\0'));
  return text;
}

std::string algorithm_of(hfreduceComm_t comm) {
  const auto plan = nlohmann::json::parse(info_of(comm, "plan"), nullptr, false);
  if (!plan.is_object() || !plan.contains("algorithm") || !plan["algorithm"].is_string())
    return "?";
  return plan["algorithm"].get<std::string>();
}

std::string library_version() {
  int version = 0;
  hfreduceGetVersion(&version);
  return fmt::format("{}.{}.{}", version / 10000, version / 100 % 100, version % 100);
}

}  // namespace hfreduce::perf
