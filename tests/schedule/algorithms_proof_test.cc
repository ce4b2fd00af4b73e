// Every algorithm is proved for 1 to 64 ranks in all settings, and for samples far beyond.
#include <gtest/gtest.h>

#include <cstdlib>

#include "algorithms/proof.h"

namespace hfreduce::algorithms {
namespace {

bool quick() { return std::getenv("HFR_TEST_QUICK") != nullptr; }

std::string test_name(const ::testing::TestParamInfo<std::size_t>& info) {
  const Algorithm& algorithm = all()[info.param];
  std::string name = algorithm.collective == Collective::kAllReduce ? "allreduce_" : "broadcast_";
  name += algorithm.name;
  for (char& c : name)
    if (c == '-') c = '_';
  return name;
}

class Proof : public ::testing::TestWithParam<std::size_t> {
 protected:
  const Algorithm& algorithm() const { return all()[GetParam()]; }

  void sample(const Setting& setting) const {
    if (!concerns(setting, algorithm())) return;
    const auto verdict = prove_briefly(algorithm(), setting);
    EXPECT_TRUE(verdict.ok()) << setting.placement.ranks() << " ranks, " << setting.name << ": "
                              << verdict.fault;
    EXPECT_GT(verdict.steps, 0u);
  }
};

TEST_P(Proof, OneToSixtyFourRanks) {
  for (std::int32_t ranks = 1; ranks <= (quick() ? 31 : 64);
       ranks += quick() && ranks >= 9 ? 11 : 1) {
    for (const Setting& setting : settings(ranks)) {
      if (!concerns(setting, algorithm())) continue;
      const auto verdict = prove(algorithm(), setting);
      ASSERT_TRUE(verdict.ok()) << ranks << " ranks, " << setting.name << ": " << verdict.fault;
      ASSERT_TRUE(verdict.races_excluded);
    }
  }
}

TEST_P(Proof, SamplesToTenThousand) {
  // What a ring does grows with the square of its members.
  const bool is_ring = algorithm().name == "ring";
  const bool ring_of_hosts = algorithm().name == "hierarchical-ring";
  for (const std::int32_t ranks : {65, 127, 128, 129, 250}) sample(evenly(ranks, ranks));
  sample(evenly(100, 1));
  if (quick()) return;
  sample(evenly(500, 63));
  if (is_ring) return;
  sample(evenly(1'023, ring_of_hosts ? 128 : 1'023));
  for (const std::int32_t ranks : {9'999, 10'000, 10'007}) {
    if (ring_of_hosts && ranks != 10'000) continue;
    sample(evenly(ranks, ring_of_hosts ? 79 : 1'250));
    if (!ring_of_hosts) sample(evenly(ranks, ranks));
  }
  if (!ring_of_hosts) sample(evenly(10'000, 1'250, 8));
}

INSTANTIATE_TEST_SUITE_P(All, Proof, ::testing::Range(std::size_t{0}, all().size()), test_name);

}  // namespace
}  // namespace hfreduce::algorithms
