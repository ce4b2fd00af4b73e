// The launcher's own key-value store, when it speaks PMIx (Open MPI's mpirun, srun --mpi=pmix). The
// library is opened at run time.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/status.h"

namespace hfreduce::bootstrap {

struct PmixJob {
  std::int32_t rank = 0;
  std::int32_t ranks = 1;
  std::string value;  // what rank 0 has published
};

// Collective over the launcher's job, once a process: rank 0 publishes what `make` returns (text
// without zero bytes), everybody gets it. Nothing, if there is no PMIx library or no server (the
// reason is logged): every rank of a job finds the same.
Result<std::optional<PmixJob>> share_by_pmix(const std::function<Result<std::string>()>& make);

}  // namespace hfreduce::bootstrap
