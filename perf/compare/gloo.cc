// hfreduce-peer-gloo ring|bcube|halving-doubling: Gloo over TCP, on loopback where all ranks are on
// one host, which is all it has there.
#include <fmt/format.h>
#include <gloo/allreduce.h>
#include <gloo/allreduce_halving_doubling.h>
#include <gloo/barrier.h>
#include <gloo/broadcast.h>
#include <gloo/math.h>
#include <gloo/rendezvous/context.h>
#include <gloo/rendezvous/store.h>
#include <gloo/transport/tcp/device.h>
#include <gloo/types.h>

#include <map>
#include <memory>

#include "compare/peer.h"
#include "failure.h"

namespace hfreduce::perf {
namespace {

// Every rank sets one key, then asks for all others': the word that each gathers is its key and
// value.
class LineStore final : public gloo::rendezvous::Store {
 public:
  explicit LineStore(Channel& channel) : channel_(channel) {}
  void set(const std::string& key, const std::vector<char>& data) override {
    std::string word = key + "=";
    for (const char c : data) word += fmt::format("{:02x}", static_cast<unsigned char>(c));
    for (const std::string& one : gather(channel_, word)) {
      const std::size_t at = one.find('=');
      std::vector<char>& value = values_[one.substr(0, at)];
      for (std::size_t i = at + 1; i + 1 < one.size(); i += 2) {
        value.push_back(static_cast<char>(std::stoi(one.substr(i, 2), nullptr, 16)));
      }
    }
  }
  std::vector<char> get(const std::string& key) override {
    const auto found = values_.find(key);
    if (found == values_.end()) throw Failure("Gloo asks for a key that no rank has set: " + key);
    return found->second;
  }
  void wait(const std::vector<std::string>& keys) override {
    for (const std::string& key : keys) get(key);
  }

 private:
  Channel& channel_;
  std::map<std::string, std::vector<char>> values_;
};

using Reduction = gloo::AllreduceOptions::Func;

template <typename T>
Reduction reduction_of(const OpInfo& op) {
  switch (op.value) {
    case hfreduceSum:
      return static_cast<void (*)(void*, const void*, const void*, size_t)>(&gloo::sum<T>);
    case hfreduceProd:
      return static_cast<void (*)(void*, const void*, const void*, size_t)>(&gloo::product<T>);
    case hfreduceMax:
      return static_cast<void (*)(void*, const void*, const void*, size_t)>(&gloo::max<T>);
    case hfreduceMin:
      return static_cast<void (*)(void*, const void*, const void*, size_t)>(&gloo::min<T>);
    default:
      throw Cannot("Gloo has no operation " + std::string(op.name));
  }
}

class Gloo final : public PeerLibrary {
 public:
  Gloo(std::shared_ptr<gloo::Context> context, std::string algorithm)
      : context_(std::move(context)), algorithm_(std::move(algorithm)) {
    if (algorithm_ != "halving-doubling") return;
    older_ = std::make_unique<gloo::AllreduceHalvingDoubling<int>>(context_,
                                                                   std::vector<int*>{&meeting_}, 1);
  }

  std::function<void()> prepare(const PeerRequest& r, std::byte* send,
                                std::byte* receive) override {
    switch (r.type->value) {
      case hfreduceInt8:
        return typed<std::int8_t>(r, send, receive);
      case hfreduceUint8:
        return typed<std::uint8_t>(r, send, receive);
      case hfreduceInt32:
        return typed<std::int32_t>(r, send, receive);
      case hfreduceInt64:
        return typed<std::int64_t>(r, send, receive);
      case hfreduceUint64:
        return typed<std::uint64_t>(r, send, receive);
      case hfreduceFloat16:
        return typed<gloo::float16>(r, send, receive);
      case hfreduceFloat32:
        return typed<float>(r, send, receive);
      case hfreduceFloat64:
        return typed<double>(r, send, receive);
      default:
        throw Cannot("Gloo has no type " + std::string(r.type->name));
    }
  }
  void meet() override {
    // Pairs that poll know the older kind of call only.
    if (algorithm_ == "halving-doubling") return older_->run();
    gloo::BarrierOptions options(context_);
    gloo::barrier(options);
  }

 private:
  template <typename T>
  std::function<void()> typed(const PeerRequest& r, std::byte* send, std::byte* receive) {
    if (r.count == 0) throw Cannot("Gloo has no calls without elements");
    const auto count = static_cast<std::size_t>(r.count);
    T* in = reinterpret_cast<T*>(send);
    T* out = reinterpret_cast<T*>(receive);
    if (r.collective == Collective::kBroadcast) return broadcast<T>(r, in, out, count);
    if (algorithm_ == "halving-doubling") return halving_doubling<T>(r, out, count);
    auto options = std::make_shared<gloo::AllreduceOptions>(context_);
    options->setAlgorithm(algorithm_ == "bcube" ? gloo::AllreduceOptions::Algorithm::BCUBE
                                                : gloo::AllreduceOptions::Algorithm::RING);
    options->setReduceFunction(reduction_of<T>(*r.op));
    if (r.place == Placing::kOut) options->setInput(in, count);
    options->setOutput(out, count);
    return [options] { gloo::allreduce(*options); };
  }

  template <typename T>
  std::function<void()> broadcast(const PeerRequest& r, T* in, T* out, std::size_t count) {
    if (algorithm_ != "ring") throw Cannot("Gloo broadcasts in one way only");
    auto options = std::make_shared<gloo::BroadcastOptions>(context_);
    if (r.place == Placing::kOut && r.root == context_->rank) options->setInput(in, count);
    options->setOutput(out, count);
    options->setRoot(r.root);
    return [options] { gloo::broadcast(*options); };
  }

  // The older kind of call, which keeps its buffers and can poll.
  template <typename T>
  std::function<void()> halving_doubling(const PeerRequest& r, T* out, std::size_t count) {
    if (r.place == Placing::kOut) throw Cannot("Gloo's halving-doubling reduces in place only");
    if (r.op->value != hfreduceSum) throw Cannot("halving-doubling is compared for sums only");
    auto call = std::make_shared<gloo::AllreduceHalvingDoubling<T>>(context_, std::vector<T*>{out},
                                                                    static_cast<int>(count));
    return [call] { call->run(); };
  }

  std::shared_ptr<gloo::Context> context_;
  std::string algorithm_;
  int meeting_ = 0;
  std::unique_ptr<gloo::AllreduceHalvingDoubling<int>> older_;
};

int run(const std::string& algorithm) {
  const int rank = given_number("HFREDUCE_PERF_RANK"), ranks = given_number("HFREDUCE_PERF_RANKS");
  Channel channel = Channel::standard();
  gloo::transport::tcp::attr attributes;
  attributes.hostname = given("HFREDUCE_PERF_ADDRESS");
  auto device = gloo::transport::tcp::CreateDevice(attributes);
  LineStore store(channel);
  auto context = std::make_shared<gloo::rendezvous::Context>(rank, ranks);
  context->connectFullMesh(store, device);
  if (algorithm == "halving-doubling") {
    for (int other = 0; other < ranks; ++other) {
      if (other != rank) context->getPair(other)->setSync(true, true);
    }
  }
  Gloo library(context, algorithm);
  return serve(library, channel, rank, ranks);
}

}  // namespace
}  // namespace hfreduce::perf

int main(int argc, char** argv) {
  try {
    return hfreduce::perf::run(argc > 1 ? argv[1] : "ring");
  } catch (const std::exception& failure) {
    hfreduce::perf::complain(failure.what());
    return hfreduce::perf::kExitFailed;
  }
}
