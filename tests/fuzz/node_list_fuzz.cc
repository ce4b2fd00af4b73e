// Slurm's node lists.
#include "bootstrap/slurm.h"
#include "check.h"

using namespace hfreduce::bootstrap;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kMost = 500;
  const auto hosts = expand_node_list({reinterpret_cast<const char*>(data), size}, kMost);
  if (!hosts.ok()) return 0;
  FUZZ_CHECK(!hosts->empty() && hosts->size() <= kMost);
  for (const std::string& host : *hosts) {
    FUZZ_CHECK(!host.empty() && host.find_first_of("[],") == std::string::npos);
  }
  return 0;
}
