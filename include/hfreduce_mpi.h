/* SPDX-License-Identifier: Apache-2.0
 *
 * hfreduce for programs that have an MPI_Comm: one header, nothing to link but hfreduce and the
 * program's own MPI. C99 and C++.
 *
 *   MPI_Init(&argc, &argv);
 *   hfreduceComm_t comm;
 *   hfreduceResult_t result = hfreduceCommInitMPI(&comm, MPI_COMM_WORLD, NULL);
 *
 * MPI only carries the 128 bytes of an id here. From then on hfreduce and MPI know nothing of each
 * other: both may be used side by side, and the communicator may be destroyed before or after
 * MPI_Finalize.
 */
#ifndef HFREDUCE_MPI_H_
#define HFREDUCE_MPI_H_

#include <mpi.h>

#include "hfreduce.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Makes a communicator of the ranks of `mpi_comm`, with the same ranks. Collective over `mpi_comm`
 * (an intracommunicator): every rank calls it, and no rank returns success before all have joined.
 * `config` NULL: defaults. MPI must be initialised; this is a plain use of MPI from the calling
 * thread.
 *
 * Returns, besides what hfreduceCommInitRankConfig returns:
 *  - hfreduceInvalidUsage: MPI is not initialised, or finalised already;
 *  - hfreduceInvalidArgument: MPI_COMM_NULL or an intercommunicator;
 *  - hfreduceSystemError: an MPI call failed (only where the communicator's error handler lets MPI
 * calls return; MPI's default ends the program);
 *  - the error that rank 0 met when it made the id, on every rank (rank 0 has the story behind it:
 *    hfreduceCommGetErrorInfo with NULL).
 * On error *comm is NULL. */
static inline hfreduceResult_t hfreduceCommInitMPI(hfreduceComm_t* comm, MPI_Comm mpi_comm,
                                                   const hfreduceConfig_t* config) {
  hfreduceUniqueId id;
  int initialized = 0, finalized = 0, between_groups = 0;
  int rank = 0, ranks = 0, made = (int)hfreduceSuccess;

  if (comm == NULL) return hfreduceInvalidArgument;
  *comm = NULL;
  if (MPI_Initialized(&initialized) != MPI_SUCCESS || MPI_Finalized(&finalized) != MPI_SUCCESS ||
      !initialized || finalized) {
    return hfreduceInvalidUsage;
  }
  if (mpi_comm == MPI_COMM_NULL) return hfreduceInvalidArgument;
  if (MPI_Comm_test_inter(mpi_comm, &between_groups) != MPI_SUCCESS ||
      MPI_Comm_rank(mpi_comm, &rank) != MPI_SUCCESS ||
      MPI_Comm_size(mpi_comm, &ranks) != MPI_SUCCESS) {
    return hfreduceSystemError;
  }
  if (between_groups) return hfreduceInvalidArgument;

  /* What became of rank 0's attempt goes first, so that its failure is an error everywhere and no
   * wait. */
  if (rank == 0) made = (int)hfreduceGetUniqueId(&id);
  if (MPI_Bcast(&made, 1, MPI_INT, 0, mpi_comm) != MPI_SUCCESS) return hfreduceSystemError;
  if (made != (int)hfreduceSuccess) return (hfreduceResult_t)made;
  if (MPI_Bcast(id.internal, HFREDUCE_UNIQUE_ID_BYTES, MPI_BYTE, 0, mpi_comm) != MPI_SUCCESS) {
    return hfreduceSystemError;
  }
  return hfreduceCommInitRankConfig(comm, ranks, id, rank, config);
}

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* HFREDUCE_MPI_H_ */
