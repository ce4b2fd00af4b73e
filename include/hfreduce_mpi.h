/* SPDX-License-Identifier: Apache-2.0
 *
 * A communicator from an MPI_Comm: the same ranks in the same order. Header-only, so that the
 * library itself knows nothing of MPI: compile it with your MPI's compiler or include directories.
 */
#ifndef HFREDUCE_MPI_H_
#define HFREDUCE_MPI_H_

#include <hfreduce.h>
#include <mpi.h>

/* Collective over `mpi`. Rank 0 makes the id and MPI carries it, so no secret need be set. `config`
 * NULL: defaults. Errors: as hfreduceCommInitRank, and hfreduceRemoteError when rank 0 could not
 * make an id. MPI's own failures go to the error handler of `mpi`. */
static inline hfreduceResult_t hfreduceCommInitFromMpi(hfreduceComm_t* comm, MPI_Comm mpi,
                                                       const hfreduceConfig_t* config) {
  hfreduceUniqueId id = {{0}};
  int rank = 0, ranks = 0, made = (int)hfreduceSuccess;
  if (MPI_Comm_rank(mpi, &rank) != MPI_SUCCESS || MPI_Comm_size(mpi, &ranks) != MPI_SUCCESS) {
    return hfreduceInvalidArgument;
  }
  if (rank == 0) made = (int)hfreduceGetUniqueId(&id);
  if (MPI_Bcast(&made, 1, MPI_INT, 0, mpi) != MPI_SUCCESS) return hfreduceRemoteError;
  if (made != (int)hfreduceSuccess) {
    return rank == 0 ? (hfreduceResult_t)made : hfreduceRemoteError;
  }
  if (MPI_Bcast(id.internal, (int)sizeof id.internal, MPI_BYTE, 0, mpi) != MPI_SUCCESS) {
    return hfreduceRemoteError;
  }
  return hfreduceCommInitRankConfig(comm, ranks, id, rank, config);
}

#endif /* HFREDUCE_MPI_H_ */
