// Where a job's secret comes from when no unique id and no launcher's store carries it.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/status.h"
#include "bootstrap/unique_id.h"

namespace hfreduce::bootstrap {

// A hash of the whole file. It must belong to this user, be readable by nobody else and hold at
// least 32 bytes: kAuthFailed otherwise.
Result<Secret> read_secret_file(const std::string& path);

// Hands `id` to every process of this user on this host that asks for `name`, until this process
// ends.
Status serve_locally(const std::string& name, const UniqueId& id);
// Asks for it; kTimeout when nobody serves it until `deadline`.
Result<UniqueId> fetch_locally(const std::string& name, Deadline deadline);

}  // namespace hfreduce::bootstrap
