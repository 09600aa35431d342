// SPDX-License-Identifier: BSD-3-Clause
// Policies that leave the table alone and scale the score.
#include "control/policy/score_policies.hh"

#include <gtest/gtest.h>

#include "tests/unit/control/policy/reporting_pool.hh"

namespace fairlead::policy {
namespace {

TEST(Configured, LatencyScalesTheScoreOnly) {
  Pool pool(PolicyName::kLatency, {100, 200, 400});
  const Weights w = pool.seconds(10, 90);
  EXPECT_EQ(w.backends[0].weight, w.backends[2].weight);
  EXPECT_GT(w.backends[0].inverse_weight, 3 * w.backends[2].inverse_weight);
}

TEST(Configured, PrequalMakesHotBackendsLookLoaded) {
  Pool pool(PolicyName::kPrequal, {200, 200, 200, 200, 200, 200, 200, 200});
  pool.spoil_ = [](std::size_t i, Report& r) {
    if (i == 3) r.active = 40;
  };
  const Weights w = pool.seconds(10, 90);
  EXPECT_EQ(w.backends[3].weight, w.backends[0].weight);
  EXPECT_GT(w.backends[3].inverse_weight, 7 * w.backends[0].inverse_weight);
  EXPECT_NE(w.backends[3].why.find("hot"), std::string::npos);
}

TEST(Configured, ScoresAreLeftAloneWithoutFreshReports) {
  for (const PolicyName policy : {PolicyName::kLatency, PolicyName::kPrequal}) {
    Pool pool(policy, {100, 400});
    pool.seconds(10, 90);
    Weights w;
    for (int i = 0; i < 12; ++i) w = pool.second(90, false);
    EXPECT_EQ(w.backends[0].inverse_weight, (1u << 20) / 100);
  }
}

}  // namespace
}  // namespace fairlead::policy
