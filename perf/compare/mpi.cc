// hfreduce-peer-openmpi, hfreduce-peer-mpich: any MPI, as hfreduce-perf --compare speaks to it.
#include <mpi.h>
#include <sys/prctl.h>

#include <climits>
#include <csignal>

#include "compare/peer.h"
#include "failure.h"

namespace hfreduce::perf {
namespace {

void must(int result, const char* what) {
  if (result == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING] = {};
  int length = 0;
  MPI_Error_string(result, text, &length);
  throw Failure(std::string(what) + ": " + text);
}

MPI_Datatype mpi_type(const TypeInfo& type) {
  switch (type.value) {
    case hfreduceInt8:
      return MPI_INT8_T;
    case hfreduceUint8:
      return MPI_UINT8_T;
    case hfreduceInt16:
      return MPI_INT16_T;
    case hfreduceUint16:
      return MPI_UINT16_T;
    case hfreduceInt32:
      return MPI_INT32_T;
    case hfreduceUint32:
      return MPI_UINT32_T;
    case hfreduceInt64:
      return MPI_INT64_T;
    case hfreduceUint64:
      return MPI_UINT64_T;
    case hfreduceFloat32:
      return MPI_FLOAT;
    case hfreduceFloat64:
      return MPI_DOUBLE;
    default:
      throw Cannot("MPI has no type " + std::string(type.name));
  }
}

MPI_Op mpi_op(const OpInfo& op) {
  switch (op.value) {
    case hfreduceSum:
      return MPI_SUM;
    case hfreduceProd:
      return MPI_PROD;
    case hfreduceMax:
      return MPI_MAX;
    case hfreduceMin:
      return MPI_MIN;
    case hfreduceBitAnd:
      return MPI_BAND;
    case hfreduceBitOr:
      return MPI_BOR;
    case hfreduceBitXor:
      return MPI_BXOR;
    default:
      throw Cannot("MPI has no operation " + std::string(op.name));
  }
}

class Mpi final : public PeerLibrary {
 public:
  std::function<void()> prepare(const PeerRequest& r, std::byte* send,
                                std::byte* receive) override {
    if (r.collective == Collective::kBroadcast) return broadcast(r, send);
    const MPI_Datatype type = mpi_type(*r.type);
    const MPI_Op op = mpi_op(*r.op);
    const int count = whole(r.count);
    const void* from = r.place == Placing::kIn ? MPI_IN_PLACE : send;
    return [=] {
      must(MPI_Allreduce(from, receive, count, type, op, MPI_COMM_WORLD), "MPI_Allreduce");
    };
  }

 private:
  static int whole(std::uint64_t count) {
    if (count > INT_MAX) throw Cannot("MPI counts elements in an int");
    return static_cast<int>(count);
  }
  static std::function<void()> broadcast(const PeerRequest& r, std::byte* buffer) {
    if (r.place == Placing::kOut) throw Cannot("MPI broadcasts in place only");
    const MPI_Datatype type = r.type->size == 2 ? MPI_UINT16_T : mpi_type(*r.type);
    const int count = whole(r.count), root = r.root;
    return [=] { must(MPI_Bcast(buffer, count, type, root, MPI_COMM_WORLD), "MPI_Bcast"); };
  }
};

int run() {
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // with its launcher
  MPI_Init(nullptr, nullptr);
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  int rank = 0, ranks = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  bind_as_told(rank);
  Channel channel = Channel::of_rank(rank);
  Mpi mpi;
  const int status = serve(mpi, channel, rank, ranks);
  MPI_Finalize();
  return status;
}

}  // namespace
}  // namespace hfreduce::perf

int main() {
  try {
    return hfreduce::perf::run();
  } catch (const std::exception& failure) {
    hfreduce::perf::complain(failure.what());
    return hfreduce::perf::kExitFailed;
  }
}
