// SPDX-License-Identifier: BSD-3-Clause
// A node that knows all, and one of many that knows nearly nothing: adaptive is no
// worse than weighted least connections there either (docs/policies.md has the tables).
#include <gtest/gtest.h>

#include "control/sim/scenario.hh"
#include "control/sim/simulation.hh"

namespace fairlead::sim {
namespace {

struct Fleet {
  std::uint32_t nodes;
  std::uint32_t cores = 4;
  ServiceKind service = ServiceKind::kLognormal;
  Time exchange = 3 * kMilli;
};

double p99_of(const Fleet& fleet, const char* policy) {
  ScenarioOptions o;
  o.nodes = fleet.nodes;
  o.duration = 8 * kSecond;
  o.warmup = 2 * kSecond;
  o.exchange.interval = fleet.exchange;
  Setup s = *make_scenario(o);
  s.arrivals.rate *= fleet.cores / 4.0;
  s.service.kind = fleet.service;
  for (Backend& backend : s.backends) backend.spec.cores = fleet.cores;
  s.policy = *make_policy(policy);
  return Simulation(s, {}).run().warm_latency.quantile(0.99);
}

double of_least_connections(const Fleet& fleet) {
  return p99_of(fleet, "adaptive") / p99_of(fleet, "wlc");
}

TEST(FleetSizes, ManyNodesWithOldCountsLeaveTheWeightsToTheTable) {
  EXPECT_LE(of_least_connections({.nodes = 50, .exchange = kSecond}), 1.05);
}

TEST(FleetSizes, OneNodeFindsTheIdleOneOfManySmallBackends) {
  EXPECT_LE(of_least_connections({.nodes = 1, .cores = 1}), 1.05);
}

TEST(FleetSizes, OneNodeIsAsRegularAsLeastConnections) {
  EXPECT_LE(of_least_connections({.nodes = 1, .service = ServiceKind::kFixed}), 1.05);
}

}  // namespace
}  // namespace fairlead::sim
