#include "bootstrap/launch.h"

#include <fmt/core.h>

#include <charconv>
#include <string_view>

#include "bootstrap/secrets.h"
#include "bootstrap/session.h"
#include "bootstrap/slurm.h"

namespace hfreduce::bootstrap {
namespace {

class Variables {
 public:
  explicit Variables(const Environment& environment) : environment_(environment) {}

  bool has(const char* name) const { return !text(name).empty(); }
  std::string text(const char* name) const {
    const char* value = environment_(name);
    return value == nullptr ? "" : value;
  }
  // The first of several names that is set.
  std::string first_of(std::initializer_list<const char*> names) const {
    for (const char* name : names) {
      if (has(name)) return text(name);
    }
    return "";
  }
  Result<std::int32_t> number(const char* name, std::int32_t lowest, std::int32_t highest) const {
    const std::string value = text(name);
    std::int32_t result = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), result);
    if (value.empty() || error != std::errc() || end != value.data() + value.size() ||
        result < lowest || result > highest) {
      return Status(Code::kInvalidArgument,
                    value.empty() ? fmt::format("{} is not set", name)
                                  : fmt::format("{}={}: must be a whole number from {} to {}", name,
                                                value, lowest, highest));
    }
    return result;
  }

 private:
  const Environment& environment_;
};

Status read_place(const Variables& variables, const char* rank, const char* ranks, Launch& launch) {
  HFR_ASSIGN(launch.ranks, variables.number(ranks, 1, kMostRanks));
  HFR_ASSIGN(launch.rank, variables.number(rank, 0, kMostRanks));
  if (launch.rank < launch.ranks) return {};
  return Status(Code::kInvalidArgument, fmt::format("{}={} is not below {}={}: ranks count from 0",
                                                    rank, launch.rank, ranks, launch.ranks));
}

Launch::Hosts compare(const Variables& variables, const char* local_size, std::int32_t ranks) {
  const auto local = variables.number(local_size, 1, kMostRanks);
  if (!local.ok()) return Launch::Hosts::kUnknown;
  return *local == ranks ? Launch::Hosts::kOne : Launch::Hosts::kSeveral;
}

// HFREDUCE_ROOT says it all; else MASTER_ADDR and MASTER_PORT, whose port belongs to somebody else.
Status read_root(const Variables& variables, const Settings& settings, Launch& launch) {
  if (!settings.root.empty()) {
    const std::size_t colon = settings.root.rfind(':');
    const std::string_view port =
        colon == std::string::npos ? "" : std::string_view(settings.root).substr(colon + 1);
    unsigned number = 0;
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
    if (port.empty() || error != std::errc() || end != port.data() + port.size() || number < 1 ||
        number > 65535) {
      return Status(Code::kInvalidArgument,
                    fmt::format("HFREDUCE_ROOT={}: must be host:port", settings.root));
    }
    launch.root = settings.root.substr(0, colon);
    if (launch.root.starts_with('[') && launch.root.ends_with(']')) {
      launch.root = launch.root.substr(1, launch.root.size() - 2);
    }
    launch.port = static_cast<std::uint16_t>(number);
    return {};
  }
  if (!variables.has("MASTER_ADDR") && !variables.has("MASTER_PORT")) return {};
  launch.root = variables.text("MASTER_ADDR");
  if (launch.root.empty()) {
    return Status(Code::kInvalidArgument,
                  "MASTER_PORT is set but MASTER_ADDR is not: it names rank 0's host");
  }
  HFR_ASSIGN(const std::int32_t port, variables.number("MASTER_PORT", 1, 65535));
  if (port + settings.port_offset > 65535) {
    return Status(
        Code::kInvalidArgument,
        fmt::format("MASTER_PORT={} and HFREDUCE_PORT_OFFSET={} add up to more than 65535", port,
                    settings.port_offset));
  }
  launch.port = static_cast<std::uint16_t>(port + settings.port_offset);
  return {};
}

Result<Launch> from_plain(const Variables& variables, const Settings& settings) {
  Launch launch;
  const bool torchrun = variables.has("TORCHELASTIC_RUN_ID");
  launch.launcher = torchrun ? "torchrun (RANK, WORLD_SIZE, MASTER_ADDR)"
                             : "the environment (RANK, WORLD_SIZE, MASTER_ADDR)";
  HFR_TRY(read_place(variables, "RANK", "WORLD_SIZE", launch));
  HFR_TRY(read_root(variables, settings, launch));
  launch.hosts = compare(variables, "LOCAL_WORLD_SIZE", launch.ranks);
  launch.tag = fmt::format("plain/{}/{}", variables.text("TORCHELASTIC_RUN_ID"),
                           variables.text("TORCHELASTIC_RESTART_COUNT"));
  if (launch.root.empty() && launch.ranks > 1) {
    return Status(Code::kInvalidArgument,
                  "RANK and WORLD_SIZE are set, but not where rank 0 is: set MASTER_ADDR and "
                  "MASTER_PORT, or HFREDUCE_ROOT=host:port");
  }
  return launch;
}

Result<Launch> from_open_mpi(const Variables& variables, const Settings& settings) {
  Launch launch;
  launch.launcher = "Open MPI (OMPI_COMM_WORLD_RANK)";
  HFR_TRY(read_place(variables, "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", launch));
  HFR_TRY(read_root(variables, settings, launch));
  launch.hosts = compare(variables, "OMPI_COMM_WORLD_LOCAL_SIZE", launch.ranks);
  launch.tag = "ompi/" + variables.first_of({"PMIX_NAMESPACE", "OMPI_MCA_ess_base_jobid",
                                             "OMPI_MCA_orte_hnp_uri"});
  return launch;
}

Result<Launch> from_slurm(const Variables& variables, const Settings& settings) {
  Launch launch;
  launch.launcher = "Slurm (SLURM_PROCID)";
  const char* size =
      variables.has("SLURM_STEP_NUM_TASKS") ? "SLURM_STEP_NUM_TASKS" : "SLURM_NTASKS";
  HFR_TRY(read_place(variables, "SLURM_PROCID", size, launch));
  HFR_TRY(read_root(variables, settings, launch));
  const std::string nodes = variables.first_of({"SLURM_STEP_NODELIST", "SLURM_JOB_NODELIST"});
  launch.tag =
      fmt::format("slurm/{}.{}", variables.text("SLURM_JOB_ID"), variables.text("SLURM_STEP_ID"));
  if (!nodes.empty()) {
    HFR_ASSIGN(const auto hosts, expand_node_list(nodes));
    launch.hosts = hosts.size() == 1 ? Launch::Hosts::kOne : Launch::Hosts::kSeveral;
    if (launch.root.empty()) launch.root = hosts.front();
  }
  // Slurm assigns no port: steps that run at the same time get different ones, most likely.
  if (launch.port == 0) {
    const Hash hash = plain_hash("slurm port", launch.tag);
    launch.port = static_cast<std::uint16_t>(20000 + (hash[0] * 256 + hash[1]) % 10000);
  }
  return launch;
}

}  // namespace

bool under_pmix(const Environment& environment) {
  const Variables variables(environment);
  return variables.has("PMIX_RANK") && variables.has("PMIX_NAMESPACE") &&
         !variables.has("TORCHELASTIC_RUN_ID");
}

Result<Launch> read_launch(const Environment& environment, const Settings& settings) {
  const Variables variables(environment);
  if (variables.has("RANK") || variables.has("WORLD_SIZE")) return from_plain(variables, settings);
  if (variables.has("OMPI_COMM_WORLD_RANK")) return from_open_mpi(variables, settings);
  if (variables.has("SLURM_PROCID")) return from_slurm(variables, settings);
  return Status(
      Code::kInvalidUsage,
      "no launcher is recognised in the environment: start the ranks with mpirun, srun or "
      "torchrun, or set RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT");
}

}  // namespace hfreduce::bootstrap
