// Facts about the machine that this process runs on.
#pragma once

#include <string>

#include "base/settings.h"
#include "bootstrap/address.h"

namespace hfreduce::bootstrap {

std::string host_name();

// Equal on ranks that have a chance to hand each other memory: same boot, network namespace and
// user; or the same HFREDUCE_HOSTID, which then decides alone.
std::string host_hint(const Settings& settings);

// How this rank reaches `address`, which another rank advertised. A loopback address means "the
// rendezvous's host", so a rank elsewhere uses the address by which it reached the rendezvous.
Address seen_from_here(const Address& address, const Address& own, const Address& root);

}  // namespace hfreduce::bootstrap
