// hfreduce-peer-openmpi, hfreduce-peer-mpich: any MPI, as hfreduce-perf --compare speaks to it.
#include <fcntl.h>
#include <mpi.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <climits>
#include <csignal>
#include <cstdlib>
#include <cstring>

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
  explicit Mpi(MPI_Comm comm) : comm_(comm) {}
  void meet() override { must(MPI_Barrier(comm_), "MPI_Barrier"); }
  std::function<void()> prepare(const PeerRequest& r, std::byte* send,
                                std::byte* receive) override {
    if (r.collective == Collective::kBroadcast) return broadcast(r, send);
    const MPI_Datatype type = mpi_type(*r.type);
    const MPI_Op op = mpi_op(*r.op);
    const int count = whole(r.count);
    const void* from = r.place == Placing::kIn ? MPI_IN_PLACE : send;
    return [=, comm = comm_] {
      must(MPI_Allreduce(from, receive, count, type, op, comm), "MPI_Allreduce");
    };
  }

 private:
  static int whole(std::uint64_t count) {
    if (count > INT_MAX) throw Cannot("MPI counts elements in an int");
    return static_cast<int>(count);
  }
  std::function<void()> broadcast(const PeerRequest& r, std::byte* buffer) {
    if (r.place == Placing::kOut) throw Cannot("MPI broadcasts in place only");
    const MPI_Datatype type = r.type->size == 2 ? MPI_UINT16_T : mpi_type(*r.type);
    const int count = whole(r.count), root = r.root;
    return [=, comm = comm_] { must(MPI_Bcast(buffer, count, type, root, comm), "MPI_Bcast"); };
  }

  MPI_Comm comm_;
};

// Which of the ranks that the launcher has started on this host.
int local_rank() {
  for (const char* name : {"OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID"}) {
    if (const char* value = std::getenv(name)) return std::atoi(value);
  }
  throw Failure("the launcher has not said which rank of this host this is");
}

// All ranks, each with the number of the rank of ours that it is beside.
MPI_Comm ordered_like_ours(int wanted) {
  int rank = 0, same = 0, all = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  same = rank == wanted;
  must(MPI_Allreduce(&same, &all, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD), "MPI_Allreduce");
  if (all != 0) return MPI_COMM_WORLD;
  MPI_Comm comm = MPI_COMM_NULL;
  must(MPI_Comm_split(MPI_COMM_WORLD, 0, wanted, &comm), "MPI_Comm_split");
  MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN);
  MPI_Comm_rank(comm, &rank);
  if (rank != wanted) throw Failure("its ranks are not on the hosts where ours are");
  return comm;
}

// As Open MPI's agent in ssh's place: passes on, to the rank 0 that has started the launcher, what
// is to be run on which host.
int pass_on(char** words) {
  std::string line;
  for (; *words != nullptr; ++words) {
    if (!line.empty()) line += ' ';
    line += *words;
  }
  line += '\n';
  const int out = open(given("HFREDUCE_PERF_AGENT").c_str(), O_WRONLY | O_CLOEXEC);
  if (out < 0) fail_with_errno("opening HFREDUCE_PERF_AGENT");
  for (std::size_t at = 0; at < line.size();) {
    const ssize_t put = write(out, line.data() + at, line.size() - at);
    if (put <= 0) fail_with_errno("writing to HFREDUCE_PERF_AGENT");
    at += static_cast<std::size_t>(put);
  }
  return 0;
}

int run() {
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // with its launcher
  Channel channel = Channel::of_host(local_rank());
  bind_as_told(channel);
  MPI_Init(nullptr, nullptr);
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  int ranks = 0;
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  Mpi mpi(ordered_like_ours(channel.rank()));
  const int status = serve(mpi, channel, channel.rank(), ranks);
  MPI_Finalize();
  return status;
}

}  // namespace
}  // namespace hfreduce::perf

int main(int argc, char** argv) {
  try {
    if (argc > 2 && std::strcmp(argv[1], "agent") == 0) return hfreduce::perf::pass_on(argv + 2);
    return hfreduce::perf::run();
  } catch (const std::exception& failure) {
    hfreduce::perf::complain(failure.what());
    return hfreduce::perf::kExitFailed;
  }
}
