// SPDX-License-Identifier: BSD-3-Clause
// Policies: they find capacity, ignore nonsense, move gently, and freeze when blind.
#include "control/policy/policy.hh"

#include <cmath>
#include <functional>
#include <limits>

#include <gtest/gtest.h>

#include "tests/unit/control/policy/reporting_pool.hh"

namespace fairlead::policy {
namespace {

class Measuring : public testing::TestWithParam<PolicyName> {};
INSTANTIATE_TEST_SUITE_P(
    Policies, Measuring, testing::Values(PolicyName::kWrr, PolicyName::kAdaptive)
);

TEST_P(Measuring, FindsUnequalCapacities) {
  Pool pool(GetParam(), {100, 200, 400});
  const Weights w = pool.seconds(30, 90);
  EXPECT_NEAR(ratio(w, 1, 0), 2, 0.35);
  EXPECT_NEAR(ratio(w, 2, 0), 4, 0.7);
  EXPECT_GT(w.backends[0].inverse_weight, w.backends[2].inverse_weight);
}

TEST_P(Measuring, FindsHowManyRequestsABackendServesAtOnce) {
  Pool pool(GetParam(), {100, 200, 400});
  for (const auto& backend : pool.seconds(30, 90).backends) EXPECT_EQ(backend.parallel, 4u);
  pool.spoil_ = [](std::size_t i, Report& r) {
    if (i == 0) r.active *= 100;  // waits for something else than its CPU
  };
  EXPECT_LE(pool.seconds(300, 90).backends[0].parallel, 16u);
}

TEST_P(Measuring, SettlesAndThenMovesNothing) {
  Pool pool(GetParam(), {100, 200, 400});
  int turn = 0;
  pool.spoil_ = [&](std::size_t i, Report& r) {
    r.cpu *= (turn / 2 + static_cast<int>(i)) % 2 == 0 ? 0.98 : 1.02;
  };
  for (; turn < 40; ++turn) pool.second(90);
  for (; turn < 60; ++turn) EXPECT_FALSE(pool.second(90).changed);
}

TEST_P(Measuring, TableWeightsMoveInBoundedSteps) {
  Pool pool(GetParam(), {200, 200, 200});
  Weights before = pool.seconds(10, 150);
  pool.capacities_[1] = 40;
  for (int i = 0; i < 10; ++i) {
    const Weights after = pool.second(150);
    for (std::size_t b = 0; b < 3; ++b) {
      const double change =
          static_cast<double>(after.backends[b].weight) / before.backends[b].weight;
      EXPECT_LT(change, 1.26);
      EXPECT_GT(change, 0.79);
    }
    before = after;
  }
  EXPECT_LT(ratio(before, 1, 0), 0.4);
}

TEST_P(Measuring, KeepsConfiguredWeightsUntilReportsCome) {
  Pool pool(GetParam(), {100, 200});
  pool.snapshot_.backends[0].weight = 300;
  const Weights w = pool.second(90, false);
  EXPECT_EQ(ratio(w, 0, 1), 3);
  EXPECT_FALSE(w.frozen);
  EXPECT_NE(w.backends[0].why.find("no report yet"), std::string::npos);
}

TEST_P(Measuring, FreezesWhenAllMonitoringIsLostAndThaws) {
  Pool pool(GetParam(), {100, 400});
  const Weights before = pool.seconds(20, 90);
  Weights w;
  for (int i = 0; i < 20; ++i) w = pool.second(90, false);

  EXPECT_TRUE(w.frozen);
  EXPECT_EQ(w.backends[0].weight, before.backends[0].weight);
  EXPECT_EQ(w.backends[1].inverse_weight, before.backends[1].inverse_weight);
  EXPECT_FALSE(pool.second(90).frozen);
}

TEST_P(Measuring, RefusesNonsenseAndGoesOn) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinite = std::numeric_limits<double>::infinity();
  const std::vector<std::function<void(Report&)>> nonsense = {
      [&](Report& r) { r.cpu = nan; },
      [&](Report& r) { r.requests_per_second = infinite; },
      [&](Report& r) { r.requests_per_second = -5; },
      [&](Report& r) { r.errors_per_second = 2 * r.requests_per_second + 1; },
      [&](Report& r) { r.active = -1; },
      [&](Report& r) { r.mean_latency_us = 1e18; },
      [&](Report& r) { r.application_utilization = 1e9; },
      [&](Report& r) { r.period = 3600 * kSecond; },
  };
  for (const auto& spoil : nonsense) {
    Pool pool(GetParam(), {100, 200});
    const Weights before = pool.seconds(20, 90);
    pool.spoil_ = [&](std::size_t i, Report& r) {
      if (i == 0) spoil(r);
    };
    const Weights w = pool.second(90);
    EXPECT_EQ(w.backends[0].weight, before.backends[0].weight);
    EXPECT_EQ(pool.state_.backends.at("b0").refused, 10u);
  }
}

TEST_P(Measuring, ErrorsDoNotAttractTraffic) {
  Pool pool(GetParam(), {200, 200});
  pool.spoil_ = [](std::size_t i, Report& r) {
    if (i == 0) r.errors_per_second = 0.9 * r.requests_per_second;
  };
  EXPECT_LT(ratio(pool.seconds(40, 150), 0, 1), 0.6);
}

TEST_P(Measuring, NobodyFallsBelowTheFloorAndZeroStaysZero) {
  Pool pool(GetParam(), {1, 400, 400, 400});
  pool.snapshot_.backends[3].weight = 0;
  const Weights w = pool.seconds(60, 100);
  EXPECT_GE(w.backends[0].weight, 20u);
  EXPECT_EQ(w.backends[3].weight, 0u);
  EXPECT_EQ(w.backends[3].inverse_weight, UINT32_MAX);
}

TEST(Configured, StaticIgnoresReports) {
  for (const PolicyName policy : {PolicyName::kStatic, PolicyName::kWlc}) {
    Pool pool(policy, {100, 400});
    const Weights w = pool.seconds(10, 90);
    EXPECT_EQ(w.backends[0].weight, 100u);
    EXPECT_EQ(w.backends[1].inverse_weight, (1u << 20) / 100);
    EXPECT_FALSE(w.changed);
  }
}

TEST(Score, InverseWeightStaysInRange) {
  EXPECT_EQ(score_inverse_weight(0), UINT32_MAX);
  EXPECT_EQ(score_inverse_weight(-1), UINT32_MAX);
  EXPECT_EQ(score_inverse_weight(std::nan("")), UINT32_MAX);
  EXPECT_EQ(score_inverse_weight(1024), 1024u);
  EXPECT_EQ(score_inverse_weight(1e9), 1u);
  EXPECT_EQ(score_inverse_weight(1e-9), 2147483648u);
}

TEST(Score, BeyondTheTableIsWhatTheTableDoesNotDoYet) {
  const auto beyond = [](std::uint32_t table, double score) {
    return inverse_beyond_table({table, score_inverse_weight(score), 0, ""});
  };
  EXPECT_EQ(beyond(1000, 1000), 8U) << "eighths";
  EXPECT_EQ(beyond(1043, 1040), 8U) << "noise of an estimate, rounding of an inverse";
  EXPECT_EQ(beyond(20, 20), 8U);
  EXPECT_EQ(beyond(9000, 9000), 8U);
  EXPECT_EQ(beyond(1000, 500), 16U) << "the score is ahead of the table, which moves in steps";
  EXPECT_EQ(beyond(1000, 1e6), 1U);
  EXPECT_EQ(beyond(0, 0), UINT32_MAX) << "who looks full does so";
}

TEST(Policy, StatesOfLeaversAreForgotten) {
  Pool pool(PolicyName::kAdaptive, {100, 200});
  pool.seconds(5, 90);
  pool.snapshot_.backends.pop_back();
  pool.capacities_.pop_back();
  pool.second(90);
  EXPECT_EQ(pool.state_.backends.size(), 1u);
}

}  // namespace
}  // namespace fairlead::policy
