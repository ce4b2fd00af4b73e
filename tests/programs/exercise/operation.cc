#include "operation.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace exercise {

Operation::Operation(const Task& task, int rank, hfreduceComm_t comm)
    : task_(task), rank_(rank), comm_(comm) {
  const bool mapped = task.is_mapped(rank);
  receive_ = Bytes(begin() + task.bytes() + kGuard, kGuardByte, mapped);
  const bool reads_input = !task.broadcast || task.root == rank;
  if (task.in_place) {
    if (reads_input) fill_input(task, rank, receive_.data() + begin());
  } else if (reads_input) {
    send_ = Bytes(begin() + task.bytes() + kGuard, kGuardByte, mapped);
    fill_input(task, rank, send_.data() + begin());
  }
}

hfreduceResult_t Operation::start(const std::string& algorithm) {
  hfreduceCallConfig_t call = HFREDUCE_CALL_CONFIG_INITIALIZER;
  if (task_.as_request) call.request = &request_;
  if (!algorithm.empty()) call.algorithm = algorithm.c_str();
  void* receive = receive_.data() + begin();
  const void* send = task_.in_place ? receive : send_.empty() ? nullptr : send_.data() + begin();
  const bool plain = !task_.as_request && algorithm.empty();
  if (task_.broadcast) {
    return plain ? hfreduceBroadcast(send, receive, task_.count, task_.type, task_.root, comm_,
                                     nullptr)
                 : hfreduceBroadcastEx(send, receive, task_.count, task_.type, task_.root, comm_,
                                       &call);
  }
  return reduce(send, receive, plain ? nullptr : &call);
}

// A created operation is destroyed as soon as the call has been made: it keeps what it needs.
hfreduceResult_t Operation::reduce(const void* send, void* receive,
                                   const hfreduceCallConfig_t* call) {
  hfreduceRedOp_t op = task_.op;
  if (op == hfreduceFirstCreatedOp) {
    std::uint64_t scalar = 0;
    fill_scalar(task_, rank_, &scalar);
    const hfreduceResult_t made =
        hfreduceRedOpCreatePreMulSum(&op, &scalar, task_.type, hfreduceScalarHostImmediate, comm_);
    if (made != hfreduceSuccess) return made;
  }
  const hfreduceResult_t result =
      call == nullptr
          ? hfreduceAllReduce(send, receive, task_.count, task_.type, op, comm_, nullptr)
          : hfreduceAllReduceEx(send, receive, task_.count, task_.type, op, comm_, call);
  const hfreduceResult_t destroyed =
      task_.op == hfreduceFirstCreatedOp ? hfreduceRedOpDestroy(op, comm_) : hfreduceSuccess;
  return result != hfreduceSuccess ? result : destroyed;
}

hfreduceResult_t Operation::finish() {
  if (request_ == nullptr) return hfreduceSuccess;
  int done = 0;
  for (int polls = 0; polls < static_cast<int>(task_.key % 4) && done == 0; ++polls) {
    (void)hfreduceRequestTest(request_, &done);
  }
  const hfreduceResult_t result = hfreduceRequestWait(request_);
  const hfreduceResult_t freed = hfreduceRequestFree(request_);
  request_ = nullptr;
  return result != hfreduceSuccess ? result : freed;
}

std::uint64_t Operation::count_guard_damage(const Bytes& buffer) const {
  std::uint64_t damage = 0;
  for (std::size_t i = 0; i < begin(); ++i) damage += buffer[i] != kGuardByte;
  for (std::size_t i = begin() + task_.bytes(); i < buffer.size(); ++i)
    damage += buffer[i] != kGuardByte;
  return damage;
}

std::uint64_t Operation::count_wrong(std::string* story) const {
  const std::size_t size = element_bytes(task_.type);
  std::vector<std::uint8_t> expected(task_.bytes());
  fill_expected(task_, expected.data());
  std::uint64_t wrong = 0;
  const bool right =
      expected.empty() || std::memcmp(expected.data(), &receive_[begin()], expected.size()) == 0;
  for (std::size_t i = 0; !right && i < task_.count; ++i) {
    if (std::memcmp(&expected[i * size], &receive_[begin() + i * size], size) == 0) continue;
    if (wrong++ == 0) *story = "element " + std::to_string(i);
  }
  std::uint64_t damage = count_guard_damage(receive_);
  if (!send_.empty()) {
    damage += count_guard_damage(send_);
    fill_input(task_, rank_, expected.data());
    damage +=
        expected.empty() ? 0 : std::memcmp(expected.data(), &send_[begin()], expected.size()) != 0;
  }
  if (damage > 0) *story += " and bytes around the buffer or in the input";
  if (wrong + damage > 0) *story += " of " + task_.describe();
  return wrong + damage;
}

std::uint64_t Operation::hash() const {
  const std::size_t bytes = task_.bytes();
  std::uint64_t hash = bytes;
  for (std::size_t i = 0; i < bytes; i += sizeof hash) {
    std::uint64_t word = 0;
    std::memcpy(&word, &receive_[begin() + i], std::min(sizeof word, bytes - i));
    hash = (hash ^ word) * 0x100000001b3u;
    hash ^= hash >> 32;
  }
  return hash;
}

}  // namespace exercise
