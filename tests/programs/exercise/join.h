// How a rank gets its communicator: each way that the library offers.
#pragma once

#include <hfreduce.h>

#include <string>

#include "options.h"

namespace exercise {

// Reads an id that another process writes, or makes it and writes it; waits up to 60 s for the
// file.
hfreduceResult_t share_id(const std::string& path, bool make, hfreduceUniqueId* id);

// Joins communicator number `number` as `rank` (the way "env" finds its rank by itself).
hfreduceResult_t join(const Options& options, int number, int rank, hfreduceComm_t* comm);

// For the way "mpi": around everything else. Without MPI they do nothing.
void start_mpi(const Options& options, int* argc, char*** argv);
void stop_mpi(const Options& options);

}  // namespace exercise
