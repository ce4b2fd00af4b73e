#include "join.h"

#include <chrono>
#include <cstdio>
#include <fstream>
#include <thread>

#ifdef HFR_EXERCISE_MPI
#include <hfreduce_mpi.h>
#endif

namespace exercise {
namespace {

hfreduceConfig_t config_of(const Options& options) {
  hfreduceConfig_t config = HFREDUCE_CONFIG_INITIALIZER;
  config.name = "exercise";
  if (options.timeout_ms > 0) config.timeout_ms = options.timeout_ms;
  if (options.init_timeout_ms > 0) config.init_timeout_ms = options.init_timeout_ms;
  return config;
}

bool read_id(const std::string& path, hfreduceUniqueId* id) {
  std::ifstream file(path, std::ios::binary);
  return file && file.read(id->internal, sizeof id->internal);
}

}  // namespace

hfreduceResult_t share_id(const std::string& path, bool make, hfreduceUniqueId* id) {
  if (make) {
    if (const hfreduceResult_t result = hfreduceGetUniqueId(id); result != hfreduceSuccess) {
      return result;
    }
    const std::string unfinished = path + ".part";
    std::ofstream(unfinished, std::ios::binary).write(id->internal, sizeof id->internal);
    return std::rename(unfinished.c_str(), path.c_str()) == 0 ? hfreduceSuccess
                                                              : hfreduceSystemError;
  }
  for (int tries = 0; tries < 6000; ++tries) {
    if (read_id(path, id)) return hfreduceSuccess;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  std::fprintf(stderr, "hfr-exercise: no id in %s after 60 s\n", path.c_str());
  return hfreduceTimeout;
}

hfreduceResult_t join(const Options& options, int number, int rank, hfreduceComm_t* comm) {
  const hfreduceConfig_t config = config_of(options);
  if (options.join == "env") return hfreduceCommInitFromEnv(comm, &config);
#ifdef HFR_EXERCISE_MPI
  if (options.join == "mpi") return hfreduceCommInitMPI(comm, MPI_COMM_WORLD, &config);
#endif
  if (options.join == "file") {
    hfreduceUniqueId id;
    const std::string path = options.id_file + "." + std::to_string(number);
    const hfreduceResult_t result = share_id(path, rank == 0, &id);
    if (result != hfreduceSuccess) return result;
    return hfreduceCommInitRankConfig(comm, options.ranks, id, rank, &config);
  }
  std::fprintf(stderr, "hfr-exercise: no way to join is called '%s' here\n", options.join.c_str());
  return hfreduceInvalidUsage;
}

#ifdef HFR_EXERCISE_MPI
void start_mpi(const Options& options, int* argc, char*** argv) {
  if (options.join == "mpi") MPI_Init(argc, argv);
}
void stop_mpi(const Options& options) {
  if (options.join == "mpi") MPI_Finalize();
}
#else
void start_mpi(const Options&, int*, char***) {}
void stop_mpi(const Options&) {}
#endif

}  // namespace exercise
