// SPDX-License-Identifier: BSD-3-Clause
// Generations of the fleet's weights over operators' decisions and changes of leaders.
#include "control/central/fleet_policy.hh"

#include <gtest/gtest.h>

namespace fairlead::central {
namespace {

using monitor::FleetWeights;

constexpr const char* kText =
    "node: {id: lb1, address: 192.0.2.11}\npolicy: {name: static}\n"
    "vips:\n  - {name: web, address: 203.0.113.10, port: 80, backends: ["
    "{id: b1, address: 10.0.0.1, weight: 100}, {id: b2, address: 10.0.0.2, weight: 50}]}\n";

/// A leader and what its fleet tells it.
class Fleet {
 public:
  explicit Fleet(std::uint64_t term, std::uint64_t known = 0) { policy.lead(term, known); }
  bool turn() {
    now += base::kSecond;
    return policy.turn({config, operators, nodes, [](const std::string&) { return 0.0; }}, {}, now);
  }
  /// Until weights are there.
  const FleetWeights& begun() {
    while (policy.asks()) turn();
    return policy.weights();
  }
  void tell(const std::string& node, const FleetWeights& weights, bool whole) {
    v1::NodeRow row;
    row.mutable_report()->set_node_id(node);
    row.mutable_report()->set_weights_generation(weights.generation);
    row.mutable_report()->set_weights_digest(monitor::digest_of(weights));
    if (whole) *row.mutable_report()->mutable_weights() = monitor::to_wire(weights);
    std::erase_if(nodes, [&](const auto& old) { return old.report().node_id() == node; });
    nodes.push_back(row);
  }
  void down(const std::string& node, const std::string& member) {
    v1::NodeRow row;
    row.mutable_report()->set_node_id(node);
    row.mutable_report()->add_down(member);
    nodes.push_back(row);
  }

  config::Config config = *config::parse_config(kText, "c.yaml");
  control::OperatorState operators;
  std::vector<v1::NodeRow> nodes;
  FleetPolicy policy;
  base::Nanoseconds now = 1000 * base::kSecond;
};

TEST(FleetPolicy, EveryChangeIsTheNextGenerationAndNothingElseIs) {
  Fleet fleet(7);
  EXPECT_EQ(fleet.begun().generation, 1U);
  EXPECT_EQ(fleet.policy.weights().term, 7U);
  EXPECT_EQ(fleet.policy.weights().pools.at("web").at("b2").weight, 50U);
  EXPECT_FALSE(fleet.turn());

  fleet.operators.weights[{"web", "b2"}] = 70;
  EXPECT_TRUE(fleet.turn());
  EXPECT_EQ(fleet.policy.weights().generation, 2U);
  EXPECT_EQ(fleet.policy.weights().pools.at("web").at("b2").weight, 70U);
  EXPECT_FALSE(fleet.turn());
}

TEST(FleetPolicy, FrozenWeightsStayUntilAnOperatorSetsAnother) {
  Fleet fleet(7);
  fleet.config.policy = model::PolicyName::kWrr;
  monitor::FleetWeights told;
  told.generation = 5;
  told.pools["web"] = {{"b1", {1551, 0, 676}}, {"b2", {135, 0, 7767}}};
  fleet.tell("lb1", told, true);
  fleet.operators.frozen = true;
  fleet.begun();
  for (int i = 0; i < 20; ++i) fleet.turn();
  const auto weight = [&](const char* id) {
    return fleet.policy.weights().pools.at("web").at(id).weight;
  };
  EXPECT_EQ(weight("b1"), 1551U);
  EXPECT_EQ(weight("b2"), 135U);

  fleet.operators.weights[{"web", "b2"}] = 100;  // twice what is configured
  fleet.turn();
  EXPECT_EQ(weight("b1"), 1551U);
  EXPECT_EQ(weight("b2"), 270U);
}

TEST(FleetPolicy, ANewLeaderGoesOnFromTheNewestThatNodesHave) {
  Fleet before(7);
  before.operators.weights[{"web", "b1"}] = 30;
  const FleetWeights old = before.begun();
  before.operators.weights[{"web", "b1"}] = 31;
  before.turn();

  Fleet after(9);
  after.operators.weights[{"web", "b1"}] = 31;
  EXPECT_TRUE(after.policy.asks());
  after.tell("lb1", old, true);
  after.tell("lb2", before.policy.weights(), true);
  EXPECT_GT(after.begun().generation, before.policy.weights().generation);
  EXPECT_EQ(after.policy.weights().pools.at("web").at("b1").weight, 31U);
}

TEST(FleetPolicy, WithoutAnAnswerItCountsOnAboveWhatEtcdKnows) {
  Fleet fleet(9, 41);
  EXPECT_EQ(fleet.begun().generation, 42U);
}

TEST(FleetPolicy, ANodeThatKnowsMoreIsCountedOver) {
  Fleet fleet(9);
  fleet.begun();
  FleetWeights other = fleet.policy.weights();
  other.generation = 17;
  fleet.tell("lb1", other, false);
  EXPECT_TRUE(fleet.turn());
  EXPECT_EQ(fleet.policy.weights().generation, 18U);

  // Another content by the very number.
  other = fleet.policy.weights();
  other.pools["web"]["b1"].weight = 1;
  fleet.tell("lb1", other, false);
  EXPECT_TRUE(fleet.turn());
  EXPECT_GT(fleet.policy.weights().generation, other.generation);
}

TEST(FleetPolicy, NodesTakeWhatIsNewerAndNothingThatIsNot) {
  FleetWeights now;
  now.generation = 5;
  now.pools["web"]["b1"] = {100, 4, 77};
  FleetWeights next = now;
  next.pools["web"]["b1"].inverse_weight = 78;
  EXPECT_TRUE(supersedes(next, now)) << "younger scores";
  next.pools["web"]["b1"].weight = 99;
  EXPECT_FALSE(supersedes(next, now)) << "another table by the same number";
  next.generation = 6;
  EXPECT_TRUE(supersedes(next, now));
  EXPECT_FALSE(supersedes(now, next));

  auto wire = monitor::to_wire(next);
  EXPECT_EQ(*monitor::from_wire(wire, 3), [&] {
    next.term = 3;
    return next;
  }());
  wire.mutable_pools(0)->set_weight(0, 98);
  EXPECT_FALSE(monitor::from_wire(wire, 3)) << "the digest is another";
  wire.mutable_pools(0)->clear_weight();
  EXPECT_FALSE(monitor::from_wire(wire, 3));
}

}  // namespace
}  // namespace fairlead::central
