#include "bootstrap/from_env.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <optional>

#include "base/log.h"
#include "bootstrap/job_secret.h"
#include "bootstrap/launch.h"
#include "bootstrap/pmix.h"
#include "bootstrap/room.h"
#include "bootstrap/secrets.h"

namespace hfreduce::bootstrap {
namespace {

const char* get_variable(const char* name) { return std::getenv(name); }

JobId job_named(const Hash& hash) {
  JobId job;
  std::copy_n(hash.begin(), job.size(), job.begin());
  return job;
}

// A fresh id whose job nobody joins: each generation's job and secret are derived from it.
Result<UniqueId> fresh_base(const Settings& settings) {
  HFR_ASSIGN(Reception* const reception, Reception::instance(settings));
  UniqueId id;
  id.job = random_array<16>();
  id.secret = random_array<32>();
  HFR_ASSIGN(id.addresses, reception->addresses());
  return id;
}

Result<std::optional<EnvJoin>> base_from_pmix(const Settings& settings) {
  const auto make = [&]() -> Result<std::string> {
    HFR_ASSIGN(const UniqueId id, fresh_base(settings));
    const auto packed = id.pack();
    return to_hex({packed.data(), packed.size()});
  };
  HFR_ASSIGN(const auto job, share_by_pmix(make));
  if (!job) return std::optional<EnvJoin>();
  EnvJoin join;
  join.rank = job->rank;
  join.ranks = job->ranks;
  join.launcher = "PMIx";
  if (join.ranks > 1) {
    HFR_ASSIGN(const std::string bytes, from_hex(job->value));
    if (bytes.size() != UniqueId::kBytes) {
      return Status(Code::kSystemError, "rank 0 could not start to listen: see its error");
    }
    HFR_ASSIGN(join.id, UniqueId::unpack(std::span<const char, UniqueId::kBytes>(bytes)));
  }
  return std::optional(std::move(join));
}

// All ranks must answer alike, so this looks only at what all of them were told. An address that
// others can reach proves nothing; one that nobody else can reach does.
Result<bool> all_on_one_host(const Launch& launch) {
  if (launch.hosts != Launch::Hosts::kUnknown) return launch.hosts == Launch::Hosts::kOne;
  if (launch.root.empty()) return false;
  HFR_ASSIGN(const auto addresses, resolve_host(launch.root, launch.port));
  return std::all_of(addresses.begin(), addresses.end(),
                     [](const Address& address) { return address.loopback(); });
}

Status no_secret(const Launch& launch) {
  const bool unknown = launch.hosts == Launch::Hosts::kUnknown;
  return Status(
      Code::kAuthFailed,
      fmt::format(
          "the ranks of this job {} on several hosts and share no secret (launcher: {}): "
          "put at least 32 random bytes into a file that only you can read (head -c 32 "
          "/dev/urandom > FILE; chmod 600 FILE), the same on every host, and set "
          "HFREDUCE_SECRET_FILE=FILE on all ranks; HFREDUCE_INSECURE=1 joins without one on a "
          "network that you trust{}",
          unknown ? "may be" : "are", launch.launcher,
          unknown ? fmt::format(". If all {} are on one host, MASTER_ADDR=127.0.0.1 or "
                                "LOCAL_WORLD_SIZE={} on all of them says so, and no file is needed",
                                launch.ranks, launch.ranks)
                  : ""));
}

// All ranks on one host: rank 0 makes the id, and who is the same user gets it.
Result<UniqueId> base_on_one_host(const Launch& launch, const Settings& settings) {
  const std::string name = fmt::format("{}/{}", launch.tag, launch.port);
  if (launch.rank != 0) return fetch_locally(name, Deadline::after_ms(settings.init_timeout_ms));
  HFR_ASSIGN(UniqueId id, fresh_base(settings));
  HFR_TRY(serve_locally(name, id));
  return id;
}

Result<UniqueId> base_with_secret(const Launch& launch, const Settings& settings,
                                  const Secret& secret) {
  UniqueId id;
  if (launch.root.empty()) {
    return Status(Code::kInvalidUsage,
                  fmt::format("{} does not say where rank 0 is: set HFREDUCE_ROOT=host:port",
                              launch.launcher));
  }
  // The job's name does not hang on the secret: who comes with another one is told so.
  const std::string name = fmt::format("{}/{}", launch.tag, launch.port);
  id.job = job_named(plain_hash("job", name));
  id.secret = keyed_hash(secret, "job", name);
  HFR_ASSIGN(id.addresses, resolve_host(launch.root, launch.port));
  if (id.addresses.size() > UniqueId::kMostAddresses) {
    id.addresses.resize(UniqueId::kMostAddresses);
  }
  if (launch.rank != 0) return id;
  HFR_ASSIGN(Reception* const reception, Reception::instance(settings));
  Status listening;
  reception->loop().call([&] { listening = reception->listen_at(launch.port); });
  if (listening.ok()) return id;
  return std::move(listening).in_context(
      "rank 0 cannot listen where the others will look for it (HFREDUCE_PORT_OFFSET or "
      "HFREDUCE_ROOT choose another port)");
}

Result<EnvJoin> base_from_variables(const Settings& settings) {
  HFR_ASSIGN(const Launch launch, read_launch(get_variable, settings));
  EnvJoin join;
  join.rank = launch.rank;
  join.ranks = launch.ranks;
  join.launcher = launch.launcher;
  if (launch.ranks == 1) return join;
  if (!settings.secret_file.empty()) {
    HFR_ASSIGN(const Secret secret, read_secret_file(settings.secret_file));
    HFR_ASSIGN(join.id, base_with_secret(launch, settings, secret));
    return join;
  }
  if (settings.insecure == 0 || launch.hosts == Launch::Hosts::kOne) {
    HFR_ASSIGN(const bool one_host, all_on_one_host(launch));
    if (!one_host) return no_secret(launch);
    HFR_ASSIGN(join.id, base_on_one_host(launch, settings));
    return join;
  }
  HFR_LOG(
      kWarn, "join",
      "HFREDUCE_INSECURE=1: joining without a secret; whoever reaches port {} of rank 0 can join "
      "this job",
      launch.port);
  HFR_ASSIGN(join.id, base_with_secret(launch, settings, plain_hash("insecure", "")));
  return join;
}

Result<EnvJoin> find_base(const Settings& settings) {
  if (under_pmix(get_variable)) {
    HFR_ASSIGN(auto join, base_from_pmix(settings));
    if (join) return std::move(*join);
  }
  return base_from_variables(settings);
}

}  // namespace

Result<EnvJoin> join_from_environment(const Settings& settings) {
  static std::mutex mutex;
  static std::optional<EnvJoin>* const base = new std::optional<EnvJoin>;
  static std::uint32_t generation = 0;
  const std::lock_guard lock(mutex);
  if (!base->has_value()) {
    HFR_ASSIGN(*base, find_base(settings));
  }
  EnvJoin join = **base;
  if (join.ranks == 1) return join;
  // Late-comers of one generation find neither door nor secret of the next.
  const std::string number = std::to_string(++generation);
  join.id.job = job_named(plain_hash(
      "generation: job", fmt::format("{}/{}", to_hex(view_of((*base)->id.job)), number)));
  join.id.secret = keyed_hash((*base)->id.secret, "generation: secret", number);
  if (join.rank != 0) return join;
  HFR_ASSIGN(Reception* const reception, Reception::instance(settings));
  Status opened;
  reception->loop().call([&] { opened = Room::open(*reception, join.id.job, join.id.secret); });
  HFR_TRY(opened);
  return join;
}

}  // namespace hfreduce::bootstrap
