#include <utility>

#include "bootstrap/from_env.h"
#include "bootstrap/room.h"
#include "bootstrap/secrets.h"

namespace hfreduce::bootstrap {

Result<UniqueId> open_rendezvous(const Settings& settings) {
  HFR_ASSIGN(Reception* const reception, Reception::instance(settings));
  UniqueId id;
  id.job = random_array<16>();
  id.secret = random_array<32>();
  HFR_ASSIGN(id.addresses, reception->addresses());
  Status status;
  reception->loop().call([&] { status = Room::open(*reception, id.job, id.secret); });
  HFR_TRY(status);
  return id;
}

}  // namespace hfreduce::bootstrap
