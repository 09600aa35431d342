// SPDX-License-Identifier: BSD-3-Clause
// Parts of the model, each against what can be worked out by hand.
#include <algorithm>
#include <cmath>
#include <map>

#include <gtest/gtest.h>

#include "control/sim/compare.hh"
#include "control/sim/next_event.hh"
#include "control/sim/portable_math.hh"
#include "control/sim/scenario.hh"
#include "control/sim/simulation.hh"

namespace fairlead::sim {
namespace {

Setup scenario(const char* name, const char* policy, Time duration = 6 * kSecond) {
  ScenarioOptions o;
  o.name = name;
  o.backends = 20;
  o.nodes = 5;
  o.duration = duration;
  o.warmup = kSecond;
  Setup s = *make_scenario(o);
  s.policy = *make_policy(policy);
  return s;
}

TEST(BackendModel, ServesInOrderOfArrivalOnItsCores) {
  BackendModel b({2, 10, 1, Discipline::kFcfs});

  EXPECT_TRUE(b.add(0, 1, 0.010));
  EXPECT_TRUE(b.add(0, 2, 0.030));
  EXPECT_FALSE(b.add(0, 3, 0.010));

  std::uint32_t started = 0;
  EXPECT_EQ(b.next(), 10 * kMilli);
  EXPECT_EQ(b.finish(10 * kMilli, started), 1U);
  EXPECT_EQ(started, 3U);
  EXPECT_EQ(b.next(), 20 * kMilli);
}

TEST(BackendModel, SharingGivesEveryoneTheSameSpeed) {
  BackendModel b({1, 10, 1, Discipline::kSharing});

  b.add(0, 1, 0.010);
  b.add(0, 2, 0.020);

  std::uint32_t started = 0;
  EXPECT_EQ(b.next(), 20 * kMilli);
  EXPECT_EQ(b.finish(20 * kMilli, started), 1U);
  EXPECT_EQ(b.next(), 30 * kMilli);
}

TEST(BackendModel, ChangeOfSpeedStretchesWhatIsLeft) {
  BackendModel b({1, 10, 1, Discipline::kFcfs});

  b.add(0, 1, 0.020);
  b.set_factor(10 * kMilli, 0.5);

  EXPECT_EQ(b.next(), 30 * kMilli);
  EXPECT_NEAR(b.take_window(30 * kMilli).busy, 0.030, 1e-12);
}

TEST(NextEvent, IsTheEarliestWhateverTheOrderOfChanges) {
  NextEvent events(100);
  std::vector<Time> times(100, kNever);
  policy::Random random(3);
  for (int i = 0; i < 20000; ++i) {
    const std::uint32_t source = random.below(100);
    times[source] = random.below(1000);
    events.set(source, times[source]);
    const auto least = std::min_element(times.begin(), times.end());
    ASSERT_EQ(events.time(), *least);
    ASSERT_EQ(events.source(), static_cast<std::uint32_t>(least - times.begin()));
  }
}

TEST(PortableMath, AgreesWithTheLibrary) {
  for (double x = 1e-9; x < 1e9; x *= 1.37) {
    EXPECT_NEAR(portable_log(x), std::log(x), 1e-12 * std::max(1.0, std::abs(std::log(x))));
  }
  for (double x = -50; x < 50; x += 0.37) EXPECT_NEAR(portable_exp(x) / std::exp(x), 1, 1e-12);
  for (double z = -5; z <= 5; z += 0.25) {
    const double u = 0.5 * std::erfc(-z / std::sqrt(2.0));
    EXPECT_NEAR(normal_quantile(u), z, 1e-6 * std::max(1.0, std::abs(z)));
  }
}

TEST(Histogram, QuantilesAreWithinAStep) {
  Histogram h;
  for (Time v = 1; v <= 100'000; ++v) h.add(v * 1000);
  EXPECT_NEAR(h.quantile(0.5), 5e7, 5e7 * 0.002);
  EXPECT_NEAR(h.quantile(0.99), 9.9e7, 9.9e7 * 0.002);
  EXPECT_NEAR(h.mean(), 50'000'500, 1);
  EXPECT_NEAR(h.share_within(50 * kMilli), 0.5, 0.002);
}

class EveryPolicy : public testing::TestWithParam<const char*> {};

TEST_P(EveryPolicy, LosesNoRequestInTheWorstScenario) {
  const auto s = scenario("mixed", GetParam());
  std::map<std::uint64_t, int> rows;
  Watchers watchers;
  watchers.decision = [&](const Decision& d) {
    ++rows[d.row];
    if (d.outcome == Outcome::kOk) {
      EXPECT_GE(d.start, d.arrival);
      EXPECT_GE(d.completion, d.start);
    }
  };

  const Measures m = Simulation(s, watchers).run();

  EXPECT_GT(m.requests, 5000U);
  EXPECT_EQ(m.ok + m.rejected + m.failed, m.requests);
  EXPECT_EQ(rows.size(), m.requests);
  for (const auto& [row, times] : rows) ASSERT_EQ(times, 1) << row;
}

TEST_P(EveryPolicy, IsAFunctionOfTheSeed) {
  const auto trace = [&](std::uint64_t seed) {
    auto s = scenario("mixed", GetParam(), 3 * kSecond);
    s.seed = seed;
    std::uint64_t digest = 0;
    Watchers watchers;
    watchers.decision = [&](const Decision& d) {
      digest = policy::mix64(digest ^ d.row ^ static_cast<std::uint64_t>(d.completion)) + d.backend;
    };
    Simulation(s, watchers).run();
    return digest;
  };

  EXPECT_EQ(trace(1), trace(1));
  EXPECT_NE(trace(1), trace(2));
}

INSTANTIATE_TEST_SUITE_P(
    AllPolicies,
    EveryPolicy,
    testing::Values(
        "random",
        "static",
        "wrr",
        "lc",
        "wlc",
        "sed",
        "p2c",
        "peak-ewma",
        "prequal",
        "jiq",
        "utilisation-law",
        "latency",
        "adaptive",
        "eg",
        "actor-critic",
        "jsq",
        "central-queue"
    )
);

TEST(Simulation, StickyConnectionsKeepTheirBackendOverANodesDeath) {
  auto s = scenario("node-death", "adaptive", 20 * kSecond);
  s.connections.requests = 50;

  const Measures m = Simulation(s).run();

  EXPECT_GT(m.requests, 20000U);
  EXPECT_LT(m.broken, m.requests / 1000);
}

TEST(Simulation, ANodesDeathCostsOnlyWhatTheRouterStillSendsThere) {
  const auto s = scenario("node-death", "static", 20 * kSecond);

  const Measures m = Simulation(s).run();

  // Two deaths, a fifth of the traffic each, for the 0.9 s until the router notices.
  const double expected = 2 * 0.9 / 5 * s.arrivals.rate;
  EXPECT_NEAR(static_cast<double>(m.failed) / expected, 1, 0.1);
}

TEST(Simulation, LeavingBackendsGetNothingNewAndLoseNothing) {
  const auto s = scenario("churn", "adaptive", 10 * kSecond);
  std::uint64_t late = 0;
  Watchers watchers;
  watchers.decision = [&](const Decision& d) {
    if (d.backend % 10 == 0 && d.arrival > 31 * kSecond / 10 && d.arrival < 6 * kSecond) ++late;
  };

  const Measures m = Simulation(s, watchers).run();

  EXPECT_EQ(late, 0U);
  EXPECT_EQ(m.failed, 0U);
}

TEST(Scenarios, UnknownNamesAreRefusedWithTheList) {
  ScenarioOptions o;
  o.name = "homg";
  const auto s = make_scenario(o);
  ASSERT_FALSE(s);
  EXPECT_NE(s.error().what.find("hetero-hidden"), std::string::npos);
  EXPECT_FALSE(make_policy("adaptive:choices=9"));
  EXPECT_FALSE(make_policy("adaptive:colour=1"));
  EXPECT_FALSE(make_policy("adaptiv"));
}

TEST(Compare, ResultsDoNotDependOnTheNumberOfThreads) {
  Comparison c;
  c.policies = {"adaptive"};
  c.scenarios = {"homog"};
  c.options.backends = 10;
  c.options.nodes = 2;
  c.options.duration = 2 * kSecond;
  c.options.warmup = kSecond / 2;
  c.seeds = 3;
  const std::string one = comparison_json(*compare(c, {}));
  c.jobs = 3;
  EXPECT_EQ(comparison_json(*compare(c, {})), one);
}

}  // namespace
}  // namespace fairlead::sim
