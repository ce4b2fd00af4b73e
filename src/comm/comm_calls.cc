// A communicator's calls: what one rank checks of them, plans and starts. See recent_calls.h for
// what is kept from one to the next.
#include <algorithm>
#include <cstring>

#include "comm/comm.h"
#include "executor/premultiply.h"
#include "memory/host_allocations.h"

namespace hfreduce::comm {
namespace {

using algorithms::Collective;

// FNV-1a, folded: differs for calls that differ, on all ranks alike.
class Fingerprint {
 public:
  Fingerprint& add(std::uint64_t value) noexcept {
    for (int byte = 0; byte < 8; ++byte) {
      hash_ = (hash_ ^ (value >> (8 * byte) & 0xff)) * 0x100000001b3ull;
    }
    return *this;
  }
  std::uint32_t folded() const noexcept {
    return static_cast<std::uint32_t>(hash_ ^ (hash_ >> 32));
  }

 private:
  std::uint64_t hash_ = 0xcbf29ce484222325ull;
};

const char* name_of(Collective collective) {
  return collective == Collective::kAllReduce ? "allreduce" : "broadcast";
}

executor::Signature signature_of(const CallShape& shape) {
  executor::Signature signature;
  signature.collective = name_of(shape.collective);
  signature.type = shape.type;
  signature.op = shape.op;
  signature.reduces = shape.collective == Collective::kAllReduce;
  signature.root = shape.collective == Collective::kBroadcast ? shape.root : -1;
  signature.count = shape.count;
  return signature;
}

Status busy() {
  return Status(
      Code::kInvalidUsage,
      "another thread is in a call of this communicator: one thread at a time may use it");
}

kernels::ReduceFn kernel_of(kernels::DataType type, kernels::ReduceOp op) {
  return kernels::best_kernels().reduce[static_cast<int>(type)][static_cast<int>(op)];
}

// A root's result is its own input, and so is that of a rank alone.
void copy_alone(const executor::Call& call) {
  if (call.raw_input != nullptr) return executor::premultiply(call, 0, call.elements);
  const std::size_t bytes = call.elements * call.element_bytes;
  if (bytes != 0 && call.output != call.input) std::memcpy(call.output, call.input, bytes);
}

}  // namespace

algorithms::Request Comm::request(const algorithms::Algorithm& algorithm, std::int32_t root) const {
  return {placement_.get(), root, planner::choose_leaders(facts_, algorithm.collective)};
}

Result<executor::BoundPlan*> Comm::plan_for(const algorithms::Algorithm& algorithm,
                                            std::int32_t root) {
  std::unique_ptr<executor::BoundPlan>& plan = plans_[{&algorithm, root}];
  if (!plan) {
    const schedule::Schedule schedule = algorithm.emit(request(algorithm, root), rank_);
    const std::lock_guard lock(engine_->mutex());
    HFR_ASSIGN(executor::BoundPlan bound, engine_->bind(schedule, channels_.at(&algorithm)));
    plan = std::make_unique<executor::BoundPlan>(std::move(bound));
    plan->algorithm = algorithm.name;
  }
  return plan.get();
}

// Both buffers of an allreduce, a root's input and others' output of a broadcast, if peers can map
// them; else the root's input if they can read it all the same.
Status Comm::offer_buffers(PlannedCall* planned, executor::Call* call) const {
  PlannedCall::Looked& looked = planned->looked;
  if (looked.input != call->input || looked.output != call->output ||
      looked.version != memory::host_allocations().version())
    HFR_TRY(look_up_buffers(planned, *call));
  call->offer = looked.offer;
  using planner::OffersPrivate;
  const OffersPrivate offers = planned->offers_private;
  if (call->offer.process != 0 || offers == OffersPrivate::kNever || !planned->reads_send)
    return {};
  const bool if_slow = offers == OffersPrivate::kIfSlow ||
                       (offers == OffersPrivate::kOutOfPlaceIfSlow && call->input != call->output);
  if (offers == OffersPrivate::kAlways || (if_slow && engine_->better_read()))
    call->offer = engine_->peer_reads().offer(call->input, call->elements * call->element_bytes);
  return {};
}

Status Comm::look_up_buffers(PlannedCall* planned, const executor::Call& call) const {
  const memory::HostAllocations& table = memory::host_allocations();
  PlannedCall::Looked looked{call.input, call.output, table.version(), {}};
  const bool gives_output =
      planned->shape.collective == Collective::kAllReduce || !planned->reads_send;
  const std::uint64_t bytes = call.elements * call.element_bytes;
  bool found = true;
  const auto look_up = [&](const void* buffer, transport::BufferName* name) {
    const auto place = table.find(buffer, bytes);
    if (place) *name = {place->id, place->offset};
    found &= place.has_value();
  };
  if (planned->reads_send) look_up(call.input, &looked.offer.input);
  if (gives_output) look_up(call.output, &looked.offer.output);
  if (found) {
    HFR_ASSIGN(looked.offer.process, bootstrap::serve_memory([&table](std::uint64_t number) {
                 return table.duplicate(number);
               }));
  } else {
    looked.offer = {};
  }
  planned->looked = looked;
  return {};
}

// A request is sent once, and asked for its answer until that is there.
Result<UniqueFd> Comm::fetch_memory(std::uint64_t process, std::uint64_t object) {
  const std::pair key(process, object);
  auto request = asked_memory_.find(key);
  if (request == asked_memory_.end())
    request = asked_memory_.try_emplace(key, process, object).first;
  auto answer = request->second.poll();
  if (!answer.ok() || answer->valid()) asked_memory_.erase(request);
  return answer;
}

// Where it may not call.
Status Comm::why_not() const {
  if (latch_.raised()) return latch_.status();
  return Status(Code::kInvalidUsage, "the communicator was finalized: no operation may follow");
}

Status Comm::prepare(const CollectiveCall& call, executor::Operation& operation) {
  if (!may_call()) return why_not();
  HFR_ASSIGN(PlannedCall* const planned, plan_of(call));
  operation.plan_like(planned->operation);
  return bind({call.send, call.receive, call.scalar, call.timeout_ms}, *planned, operation);
}

inline Status Comm::bind(const Buffers& buffers, PlannedCall& planned,
                         executor::Operation& operation) const {
  executor::Call& bound = operation.call;
  bound.input = static_cast<const std::byte*>(planned.reads_send ? buffers.send : buffers.receive);
  bound.output = static_cast<std::byte*>(buffers.receive);
  bound.timeout_ms = buffers.timeout_ms >= 0 ? buffers.timeout_ms : options_.timeout_ms;
  if (bound.multiply != nullptr) {
    bound.raw_input = bound.input;
    bound.input = bound.output;
    bound.scalar = buffers.scalar;
  }
  const executor::BoundPlan* zero_copy = operation.zero_copy[0].plan;
  return zero_copy != nullptr && zero_copy->offers ? offer_buffers(&planned, &bound) : Status();
}

// Valid until the next call.
Result<PlannedCall*> Comm::plan_of(const CollectiveCall& call) {
  const CallShape shape{call.collective, call.type, call.op, call.root, call.count};
  const CallKey key = key_of(shape);
  PlannedCall& planned = call.algorithm == nullptr ? recent_calls_.place_of(key) : forced_call_;
  if (call.algorithm == nullptr && planned.key == key) return &planned;
  if (!planned.operation.done()) return busy();
  planned.key = {};  // until all has gone well
  HFR_TRY(plan_call(shape, call.algorithm != nullptr ? call.algorithm : "", &planned));
  planned.key = key;
  return &planned;
}

// What does not depend on the buffers.
Status Comm::plan_call(const CallShape& shape, std::string_view forced, PlannedCall* planned) {
  planned->shape = shape;
  planned->reads_send = shape.collective == Collective::kAllReduce || shape.root == rank_;
  planned->looked = {};
  executor::Operation& operation = planned->operation;
  operation.route = {};
  operation.zero_copy = {};
  executor::Call& call = operation.call = {};
  call.signature = signature_of(shape);
  const bool reduces = shape.collective == Collective::kAllReduce;
  // Bytes are bytes to a broadcast.
  const kernels::DataType type = reduces ? shape.type : kernels::DataType::kUint8;
  call.element_bytes = static_cast<std::uint32_t>(kernels::size_of(type));
  call.elements = shape.count * kernels::size_of(shape.type) / call.element_bytes;
  const kernels::ReduceOp op = reduces ? shape.op : kernels::ReduceOp::kSum;
  const bool multiplies = op == kernels::ReduceOp::kPreMulSum;
  call.reduce = kernel_of(type, multiplies ? kernels::ReduceOp::kSum : op);
  if (multiplies) call.multiply = kernel_of(type, kernels::ReduceOp::kProd);
  call.divisor = op == kernels::ReduceOp::kAvg ? ranks_ : 0;
  const std::uint64_t bytes = planned->bytes = call.elements * call.element_bytes;
  if (ranks_ == 1) return {};
  const std::int32_t root = std::max(shape.root, 0);
  HFR_ASSIGN(const planner::Choice choice,
             planner::choose(facts_, {shape.collective, bytes, forced}));
  const auto route_by = [&](const algorithms::Algorithm& algorithm, std::uint32_t segment_bytes,
                            executor::Route* route) -> Status {
    HFR_ASSIGN(const executor::BoundPlan* const plan, plan_for(algorithm, root));
    *route = executor::make_route(*plan, std::max<std::uint64_t>(1, call.elements),
                                  call.element_bytes, segment_bytes);
    return {};
  };
  HFR_TRY(route_by(*choice.algorithm, choice.segment_bytes, &operation.route));
  for (std::size_t way = 0; way < choice.zero_copy.size(); ++way) {
    if (choice.zero_copy[way] == nullptr) break;
    HFR_TRY(route_by(*choice.zero_copy[way], choice.zero_copy_segment_bytes,
                     &operation.zero_copy[way]));
  }
  planned->offers_private = choice.offers_private;
  call.fingerprint =
      Fingerprint()
          .add(static_cast<std::uint64_t>(shape.collective) << 32 |
               static_cast<std::uint64_t>(shape.type) << 16 | static_cast<std::uint64_t>(shape.op))
          .add(shape.count)
          .add(static_cast<std::uint64_t>(static_cast<std::int64_t>(shape.root)))
          .add(channels_.at(choice.algorithm) << 32 | choice.segment_bytes)
          .folded();
  return {};
}

// A rank alone has its result, and of no elements there is none.
inline bool Comm::ends_alone(executor::Operation& operation) {
  if (ranks_ > 1 && operation.call.elements != 0) return false;
  if (ranks_ == 1)
    copy_alone(operation.call);
  else
    engine_->skip(operation.call.signature, operation.call.fingerprint);
  operation.state.store(executor::Operation::State::kDone, std::memory_order_release);
  return true;
}

void Comm::queue(executor::Operation& operation) {
  if (ranks_ == 1) {
    ends_alone(operation);
    return;
  }
  const std::lock_guard lock(engine_->mutex());
  if (!ends_alone(operation)) engine_->start(operation);
}

void Comm::start(executor::Operation& operation) {
  if (ranks_ == 1) {
    ends_alone(operation);
    return;
  }
  {
    const std::lock_guard lock(engine_->mutex());
    if (!ends_alone(operation)) engine_->start_and_advance(operation);
  }
  if (engine_->outstanding()) executor::drive_in_background(*engine_);
}

Status Comm::plan(const CollectiveCall& call, PlannedCall* planned) {
  if (!may_call()) return why_not();
  const CallShape shape{call.collective, call.type, call.op, call.root, call.count};
  return plan_call(shape, call.algorithm != nullptr ? call.algorithm : "", planned);
}

Status Comm::start_again(PlannedCall& planned, const Buffers& buffers) {
  if (!may_call()) return why_not();
  executor::Operation& operation = planned.operation;
  HFR_TRY(bind(buffers, planned, operation));
  operation.state.store(executor::Operation::State::kQueued, std::memory_order_relaxed);
  start(operation);
  return {};
}

inline Status Comm::run_now(executor::Operation& operation) {
  if (ranks_ == 1) {
    ends_alone(operation);
    return {};
  }
  {
    const std::lock_guard lock(engine_->mutex());
    if (!ends_alone(operation)) engine_->start_and_advance(operation);
    if (!operation.done()) executor::drive_operation(*engine_, operation);
  }
  if (engine_->outstanding()) executor::drive_in_background(*engine_);
  return std::move(operation.status);
}

Status Comm::run(executor::Operation& operation) { return run_now(operation); }

Status Comm::run(const CollectiveCall& call) {
  if (!may_call()) return why_not();
  HFR_ASSIGN(PlannedCall* const planned, plan_of(call));
  return run_again(*planned, {call.send, call.receive, call.scalar, call.timeout_ms});
}

Status Comm::run_again(PlannedCall& planned, const Buffers& buffers) {
  if (!may_call()) return why_not();
  executor::Operation& operation = planned.operation;
  if (!operation.done()) return busy();
  HFR_TRY(bind(buffers, planned, operation));
  operation.state.store(executor::Operation::State::kQueued, std::memory_order_relaxed);
  return run_now(operation);
}

}  // namespace hfreduce::comm
